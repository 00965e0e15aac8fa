import { Injectable, type Type } from '@nestjs/common';
import type { LiveConnections } from '../http/verify/live-connections.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import type { LiveEnd } from '../verification/session-ends.js';
import { mergedAsks } from './asked-at-entrance.js';
import {
  closeSocket,
  ignoreMessages,
  isGone,
  isWsClient,
  type SocketClient,
} from './close-socket.js';
import { Gateways } from './gateways.js';
import { Handshakes } from './handshakes.js';
import { OpenClaims } from './open-claims.js';
import { PacedClosings } from './paced-closings.js';
import { onShownToken } from './shown-token.js';
import type { Connecting } from './socket-adapter.js';

interface Held {
  readonly client: SocketClient;
  session: ReadonlySession;
  asked: VerifySessionOptions | undefined;
  close: (end: LiveEnd) => void;
  watching: Disposable | undefined;
  isOver: boolean;
  isReleased: boolean;
}

// The messages are judged one by one, also by the validators that every route has.
const NOTHING: readonly VerifySessionOptions[] = [{ overrideGlobalClaimValidators: () => [] }];

// The session by which a connection is held, and those of its earlier tokens.
const holding = new WeakMap<ReadonlySession, Held>();

/** The session of the newest token that the connection's client has shown: itself if there is no newer one. */
export function shownNow(session: ReadonlySession): ReadonlySession {
  return holding.get(session)?.session ?? session;
}

/** Keeps open connections with their sessions, and closes them when these end. */
@Injectable()
export class HeldConnections implements LiveConnections {
  private readonly held = new WeakMap<object, Held>();
  private readonly closings = new PacedClosings();

  constructor(
    private readonly gateways: Gateways,
    private readonly handshakes: Handshakes,
  ) {}

  sessionOf(connection: object): ReadonlySession | 'ended' | undefined {
    const held = this.held.get(connection);
    return held?.isOver === true ? 'ended' : held?.session;
  }

  hold(connection: object, gateway: object, session: ReadonlySession): void {
    const asks = this.gateways.askedBy(gateway as Type);
    if (asks === 'open') return;
    const asked = asks === 'unguarded' ? NOTHING : [asks.asked];
    this.holdSocket(connection as Connecting, session, asked);
  }

  /**
   * Holds a socket until its session ends. Its client may go on with a newer token.
   *
   * @param asked the requirements of each gateway behind the socket
   */
  holdSocket(
    client: Connecting,
    session: ReadonlySession,
    asked: readonly VerifySessionOptions[],
  ): void {
    if (this.held.has(client) || isGone(client)) return;
    // First, because a session that has ended meanwhile closes its socket at once.
    client.once(isWsClient(client) ? 'close' : 'disconnect', () => this.release(client));
    onShownToken(client, (token) => {
      this.handshakes.find(client.request, asked, token).then(
        (newer) => newer !== undefined && this.show(client, newer),
        () => undefined,
      );
    });
    this.keep(client, client, session, mergedAsks(asked), (end) => closeSocket(client, end));
  }

  /**
   * The same for a socket with its own way of closing; the caller releases it.
   *
   * @param connection the object that represents the socket
   */
  keep(
    connection: object,
    client: SocketClient,
    session: ReadonlySession,
    asked: VerifySessionOptions | undefined,
    close: (end: LiveEnd) => void,
  ): void {
    const held: Held = {
      client,
      session,
      asked,
      close,
      watching: undefined,
      isOver: false,
      isReleased: false,
    };
    this.held.set(connection, held);
    this.watch(held);
  }

  release(connection: object): void {
    const held = this.held.get(connection);
    if (held === undefined) return;
    held.isReleased = true;
    held.watching?.[Symbol.dispose]();
    this.closings.closed(held);
  }

  /** Continues with a newer token that the client has shown. @returns whether it belongs to the same session */
  show(connection: object, session: ReadonlySession): boolean {
    const held = this.held.get(connection);
    if (held === undefined || held.isOver || held.isReleased) return false;
    if (session.getHandle() !== held.session.getHandle()) return false;
    held.watching?.[Symbol.dispose]();
    held.session = session;
    this.watch(held);
    return true;
  }

  private watch(held: Held): void {
    holding.set(held.session, held);
    held.watching = OpenClaims.watch(held.session, held.asked, (end) => {
      held.isOver = true;
      // Its turn to be closed may come later.
      ignoreMessages(held.client);
      this.closings.close(held, () => held.close(end));
    });
  }
}
