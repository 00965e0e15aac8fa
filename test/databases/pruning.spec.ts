import { IsNull, LessThanOrEqual, Not } from 'typeorm';
import { expect, it, vi } from 'vitest';
import { Session, type SessionModuleOptions } from '../../lib/index.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';
import { fillWithSessions } from '../support/many-rows.js';
import { StatementLog, type Statement } from '../support/statement-log.js';

const SESSIONS = 20_000;
// Those of five days, of the 101 in which they were created.
const EXPIRED = 990;
const LARGEST_BATCH = 200;
const DAY_MS = 24 * 3_600_000;
const PATIENTLY = { timeout: 20_000, interval: 10 };

describeOnEachDatabase('pruning a thousand sessions of twenty thousand', (engine) => {
  const startFleets = useFleets(engine);

  async function start(sessions: SessionModuleOptions = {}) {
    const log = new StatementLog();
    const { first } = await startFleets({
      // A batch waits here for as long as a test holds it up.
      sessions: { pruning: false, databaseTimeout: '1m', ...sessions },
      driver: { logging: true, logger: log },
    });
    await fillWithSessions(first.dataSource, SESSIONS, first.clock.now());
    first.clock.advanceMs(4 * DAY_MS);
    const rows = first.dataSource.getRepository(Session);
    const prune = () => first.app.get(SessionPruner).prune();
    const batches = () => log.since(0).filter(deletesSessions);
    return { ...first, log, rows, prune, batches };
  }

  it('goes by batches of 200 rows at most, each of which is committed before the next', async () => {
    const { log, prune } = await start();
    const from = log.length;
    expect(await prune()).toBe(EXPIRED);
    const transactions = perTransaction(log.since(from));
    expect(transactions.length).toBeGreaterThanOrEqual(EXPIRED / LARGEST_BATCH);
    for (const each of transactions) expect(each).toBeLessThanOrEqual(LARGEST_BATCH);
    expect(transactions.reduce((all, rows) => all + rows)).toBe(EXPIRED);
  });

  it('begins with ten rows, and has at most twice as many in each batch as in the one before', async () => {
    const { log, prune } = await start();
    const from = log.length;
    await prune();
    const transactions = perTransaction(log.since(from));
    expect(transactions[0]).toBe(10);
    transactions.slice(1).forEach((rows, index) => {
      expect(rows).toBeLessThanOrEqual(2 * (transactions[index] ?? 0));
    });
  });

  it('takes what is known of clients out of the rows in batches like these', async () => {
    const device = { ip: true, userAgent: true, retention: '30d' } as const;
    const { log, prune, rows, clock } = await start({ device });
    const isKnown = { ip: Not(IsNull()), createdAt: LessThanOrEqual(clock.now() - 30 * DAY_MS) };
    const known = await rows.countBy(isKnown);
    const from = log.length;
    await prune();
    const sizes = log
      .since(from)
      .filter(forgetsClients)
      .map(({ parameters }) => parameters.length);
    expect(sizes[0]).toBe(10);
    sizes.slice(1).forEach((size, index) => {
      expect(size).toBeLessThanOrEqual(2 * (sizes[index] ?? 0));
    });
    expect(known).toBeGreaterThan(500);
    expect(sizes.reduce((all, size) => all + size)).toBe(known);
    expect(await rows.countBy(isKnown)).toBe(0);
  });

  // SQLite has one writer: whoever comes waits for the batch that is under way, and for no other.
  if (engine === 'sqlite') return;

  it('holds up neither logins nor refreshes nor sign-outs, and goes on in smaller batches', async () => {
    const { sessions, dataSource, rows, prune, batches } = await start();
    const [staying, leaving] = [await logIn({ sessions }), await logIn({ sessions })];
    const [blocked] = await rows.find({ order: { expiresAt: 'ASC' }, skip: EXPIRED / 2, take: 1 });
    const handle = blocked?.handle ?? '';
    const holder = dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.manager.findOne(Session, {
      where: { realm: '', handle },
      lock: { mode: 'pessimistic_write' },
    });

    const pruning = prune();
    const held = await vi.waitUntil(() => batches().find(deletes(handle)), PATIENTLY);
    const heldSince = performance.now();
    await sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(staying));
    await logIn({ sessions });
    expect(await sessions.revokeSession(leaving.getHandle())).toBe(true);
    const done = batches().filter((each) => each !== held);
    expect(await rows.countBy({ userId: 'bob' })).toBe(2);
    expect(await rows.count()).toBe(2 + SESSIONS - sum(done.slice(0, batches().indexOf(held))));
    await vi.waitUntil(() => performance.now() - heldSince > 110, PATIENTLY);
    await holder.commitTransaction();
    await holder.release();

    expect(await pruning).toBe(EXPIRED);
    expect(await rows.count()).toBe(2 + SESSIONS - EXPIRED);
    const next = batches()[batches().indexOf(held) + 1];
    expect(handlesIn(next)).toBeLessThanOrEqual(Math.max(10, handlesIn(held) / 2));
  });
});

function deletesSessions({ sql, parameters }: Statement): boolean {
  return /^DELETE FROM .auth_session\b/.test(sql) && parameters.length > 1;
}

function forgetsClients({ sql }: Statement): boolean {
  return /^UPDATE .auth_session. SET .ip. = NULL/.test(sql);
}

function deletes(handle: string) {
  return ({ parameters }: Statement): boolean => parameters.includes(handle);
}

/** One parameter is the time. */
function handlesIn(batch: Statement | undefined): number {
  return (batch?.parameters.length ?? Number.NaN) - 1;
}

function sum(batches: readonly Statement[]): number {
  return batches.reduce((total, each) => total + handlesIn(each), 0);
}

/** How many sessions each transaction deletes; one outside of any counts for itself. */
function perTransaction(statements: readonly Statement[]): number[] {
  const transactions: number[] = [];
  for (const statement of statements) {
    if (/^(START|BEGIN) /.test(statement.sql)) transactions.push(0);
    if (deletesSessions(statement)) {
      transactions.push((transactions.pop() ?? 0) + handlesIn(statement));
    }
  }
  return transactions.filter((rows) => rows > 0);
}
