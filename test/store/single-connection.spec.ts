import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';

// More than any of these calls waits for between its begin and its end.
const TURNS = 50;

describe('the connection that SQLite shares among all callers', () => {
  const startFleet = useFleets('sqlite');
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  afterEach(() => warn.mockClear());

  /** What was warned of, but for data sources of one name, which instances in one process have. */
  const warnings = () =>
    warn.mock.calls.filter(([text]) => !/already registered/.test(String(text)));

  /** A transaction of the application's that waits for something else than the database, and is then undone. */
  async function undoneTransaction({ dataSource }: Instance, milliseconds = 50): Promise<void> {
    const undone = dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1');
      if (milliseconds > 0) await pause(milliseconds);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
  }

  /** Starts work, and a transaction of the application's after each number of steps in its midst. */
  async function interrupted(instance: Instance, work: () => Promise<unknown>): Promise<void> {
    for (let steps = 0; steps < TURNS; steps += 1) {
      const working = work();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      const undone = undoneTransaction(instance, 0);
      await working;
      await undone;
    }
  }

  it('keeps a login that happens while a transaction of the application is undone', async () => {
    const { first } = await startFleet();
    const undone = undoneTransaction(first);
    await pause(5);
    const session = await logIn(first);
    await undone;
    expect(await first.sessions.getSessionInformation(session.getHandle())).toBeDefined();
    expect(warnings()).toEqual([]);
  });

  it('keeps a refresh', async () => {
    const { first } = await startFleet();
    const token = refreshTokenOf(await logIn(first));
    const undone = undoneTransaction(first);
    await pause(5);
    const next = refreshTokenOf(await first.sessions.refreshSessionWithoutRequestResponse(token));
    await undone;
    // Had the rotation been undone, this token would be ahead of its row.
    await first.sessions.refreshSessionWithoutRequestResponse(next);
    expect(first.events).toEqual(['created', 'refreshed', 'repeated']);
  });

  it('keeps a revocation', async () => {
    const { first } = await startFleet();
    const session = await logIn(first);
    const undone = undoneTransaction(first);
    await pause(5);
    expect(await first.sessions.revokeSession(session.getHandle())).toBe(true);
    await undone;
    expect(await first.sessions.getSessionInformation(session.getHandle())).toBeUndefined();
  });

  it('keeps what is done while the application begins a transaction, at whatever step of it', async () => {
    const { first } = await startFleet();
    const session = await logIn(first);
    const handles: string[] = [];
    await interrupted(first, async () => handles.push((await logIn(first, 'al')).getHandle()));
    expect(await first.sessions.getAllSessionHandlesForUser('al')).toHaveLength(TURNS);
    await interrupted(first, async () => {
      expect(await first.sessions.revokeSession(handles.pop() ?? '')).toBe(true);
    });
    expect(await first.sessions.getAllSessionHandlesForUser('al')).toEqual([]);
    await interrupted(first, () => logIn(first, 'al'));
    await first.sessions.revokeAllSessionsForUser('al');
    expect(await first.sessions.getAllSessionHandlesForUser('al')).toEqual([]);
    expect(await first.sessions.getSessionInformation(session.getHandle())).toBeDefined();
  });

  it('goes on after two seconds, and says what to use instead, where the transaction waits for the call itself', async () => {
    const { first } = await startFleet();
    const session = await logIn(first);
    const { sessions, dataSource } = first;
    expect(await dataSource.transaction(() => sessions.revokeSession(session.getHandle()))).toBe(
      true,
    );
    expect(warnings()).toHaveLength(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('sessions.withManager(manager)'));
  });

  it('waits for nothing in a transaction that it was given', async () => {
    const { first } = await startFleet();
    const handle = await first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      const session = await logIn({ sessions });
      await sessions.getSessionInformation(session.getHandle());
      return session.getHandle();
    });
    expect(await first.sessions.getSessionInformation(handle)).toBeDefined();
    expect(warnings()).toEqual([]);
  });
});
