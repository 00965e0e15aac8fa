import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService, type SessionContainer } from '../../lib/index.js';
import { HeldConnections } from '../../lib/live/held-connections.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';

/** A socket of `ws` whose client never answers. */
class SilentSocket extends EventEmitter {
  readyState = 1;
  closedWith: number | undefined;

  close(code: number): void {
    this.closedWith = code;
  }

  terminate(): void {
    this.emit('close');
  }
}

/** A socket of Socket.IO in an application that fails when something is sent. */
class FailingIoSocket extends EventEmitter {
  isDisconnected = false;

  use(): void {}

  override emit(): never {
    throw new Error('of the application');
  }

  disconnect(): void {
    this.isDisconnected = true;
  }
}

describe('open connections', () => {
  let booted: BootedApp;
  let sessions: SessionService;
  let held: HeldConnections;

  beforeEach(async () => {
    booted = await bootApp({ controllers: [] });
    sessions = booted.app.get(SessionService);
    held = booted.app.get(HeldConnections);
  });
  afterEach(() => booted.close());

  const logIn = (): Promise<SessionContainer> =>
    sessions.createNewSessionWithoutRequestResponse('public', 'ada');
  const size = (): number => booted.app.get(OpenSessions).size;

  it('drop what their clients send from the end on, also while they wait to be closed', async () => {
    const session = await logIn();
    const sockets = Array.from({ length: 40 }, () => new SilentSocket());
    for (const socket of sockets) {
      socket.on('message', () => undefined);
      held.holdSocket(socket, session, []);
    }
    await session.revokeSession();
    await expect
      .poll(() => sockets.filter((each) => each.listenerCount('message') > 0))
      .toEqual([]);
    await expect
      .poll(() => sockets.map(({ closedWith }) => closedWith))
      .toEqual(sockets.map(() => 4401));
    expect(size()).toBe(0);
  });

  it('that are gone before a newer token of theirs is judged are held no longer', async () => {
    const session = await logIn();
    const socket = new SilentSocket();
    held.holdSocket(socket, session, []);
    socket.terminate();
    expect(held.show(socket, session)).toBe(false);
    expect(size()).toBe(0);
  });

  it('are closed where the application fails to tell them why', async () => {
    const session = await logIn();
    const socket = new FailingIoSocket();
    held.holdSocket(socket, session, []);
    await session.revokeSession();
    expect(socket.isDisconnected).toBe(true);
  });

  it('are told of their end once, in the order of all', async () => {
    const session = await logIn();
    const told: string[] = [];
    for (let count = 0; count < 2_000; count += 1) {
      sessions.watch(session, ({ reason }) => told.push(reason));
    }
    booted.clock.advance('1000d');
    const feed = booted.app.get<{ task: { runNow(): Promise<void> } }>(RevocationFeed);
    const beats = [feed.task.runNow(), session.revokeSession(), feed.task.runNow()];
    await Promise.all(beats);
    await expect.poll(() => told.length).toBe(2_000);
    await feed.task.runNow();
    expect(told).toHaveLength(2_000);
    expect(size()).toBe(0);
  });
});
