import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionEventBus } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { RawConnection, type HangUp } from '../support/fuzz/raw-connection.js';
import { ServerConnections } from '../support/fuzz/server-connections.js';
import { goodRequest, REFRESH, type Target } from '../support/fuzz/wire-request.js';
import { LogRecorder } from '../support/log-recorder.js';
import { QueryCounter } from '../support/query-counter.js';
import {
  accessCookie,
  bearer,
  holderOf,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';

const PAST_GRACE_MS = 120_000;
const WAYS = ['close', 'reset', 'half-close'] as const;
const PATIENCE = { timeout: 10_000, interval: 1 };
const LAWFUL: ReadonlySet<string> = new Set(['refreshed', 'repeated']);
const BY_COOKIE: Target = { transfer: 'cookie', antiCsrf: 'VIA_FETCH_METADATA' };
const BY_HEADER: Target = { transfer: 'header', antiCsrf: 'VIA_FETCH_METADATA' };

/** Tells when so many statements more have been sent. */
class StatementAlarm extends QueryCounter {
  private left = Number.POSITIVE_INFINITY;
  private ring: () => void = () => undefined;

  after(statements: number): Promise<void> {
    this.left = statements;
    return new Promise((resolve) => {
      this.ring = resolve;
    });
  }

  override logQuery(sql: string): void {
    super.logQuery(sql);
    this.left -= 1;
    if (this.left === 0) this.ring();
  }
}

describeOnEachDatabase('a refresh whose client goes away', (engine) => {
  describe.each(platforms)('on %s', (platform) => {
    const statements = new StatementAlarm();
    const logs = new LogRecorder();
    let told: string[] = [];
    let database: TestDatabase;
    let scene: Scene;
    let server: ServerConnections;
    let connection: RawConnection;

    beforeAll(async () => {
      database = await createTestDatabase(engine);
      scene = await Scene.open({
        platform,
        prepare: logs.record,
        // Whatever is asked of the database is then asked for a request.
        sessions: { revocation: { pollInterval: '1h', maxStaleness: '1d' }, pruning: false },
        database: { ...database.options, logging: true, logger: statements },
      });
      const { app, url } = scene.booted;
      server = new ServerConnections(app);
      connection = new RawConnection(Number(new URL(url).port));
      const bus = app.get(SessionEventBus);
      for (const name of ['refreshed', 'repeated', 'theftDetected', 'revoked'] as const)
        bus.on(name, () => void told.push(name));
    });

    beforeEach(() => {
      told = [];
      logs.clear();
    });

    afterAll(async () => {
      await scene.close();
      await database.drop();
    });

    /** Sends a refresh and goes away once it is time; what is returned waits until the server is done with it. */
    async function leave(
      holder: Holder,
      hangUp: HangUp,
      time?: Promise<unknown>,
      target: Target = BY_COOKIE,
    ): Promise<() => Promise<void>> {
      const before = told.length;
      const requests = server.requestsOfNext();
      const bytes = goodRequest({ method: 'POST', path: REFRESH }, target, holder);
      await connection.abandon('POST', bytes, hangUp, time);
      return async () => {
        // A reset may take away what the server has not read yet. The next refresh is told of too.
        const expected = before + 1 + (await requests);
        await vi.waitFor(() => expect(told.length).toBeGreaterThanOrEqual(expected), PATIENCE);
      };
    }

    async function refreshed(holder: Holder, target = BY_COOKIE): Promise<Holder> {
      const { refresh, userId } = holder;
      const isByHeader = target === BY_HEADER;
      const answer = await scene.refresh(isByHeader ? bearer(refresh) : refreshCookie(refresh));
      expect([answer.status, answer.json]).toEqual([200, {}]);
      const next = holderOf(answer, holder);
      const access = isByHeader ? bearer(next.access) : accessCookie(next.access);
      expect((await scene.get('/me', access)).json).toEqual({ userId });
      expect(next.handle).toBe(holder.handle);
      return next;
    }

    /** At once the same token again; later, when what it brought has come of age, the refresh after it. */
    async function expectToGoOn(
      holder: Holder,
      isDone: () => Promise<void>,
      target = BY_COOKIE,
    ): Promise<Holder> {
      const next = await refreshed(holder, target);
      await isDone();
      await scene.settle();
      await scene.advance(PAST_GRACE_MS);
      const later = await refreshed(next, target);
      expect(later.refresh).not.toBe(next.refresh);
      expect(told.filter((name) => !LAWFUL.has(name))).toEqual([]);
      expect(logs.lines).toEqual([]);
      await scene.settle();
      return later;
    }

    it.each(WAYS)(
      'by %s, right after it has sent it or some time later, has its session still',
      async (by) => {
        for (const turnsOfTheLoop of [0, 1, 2, 3, 5, 8, 13, 21]) {
          const holder = await scene.login('u1');
          await expectToGoOn(holder, await leave(holder, { by, turnsOfTheLoop }));
        }
      },
    );

    it.each(WAYS)(
      'by %s, while any of its statements is under way, has its session still',
      async (by) => {
        const holder = await scene.login('u2');
        statements.reset();
        await scene.refresh(refreshCookie(holder.refresh));
        const count = statements.all.length;
        // MariaDB reads the row first.
        expect(count).toBe(engine === 'mariadb' ? 2 : 1);
        for (let statement = 1; statement <= count; statement += 1) {
          const lost = await scene.login('u2');
          const time = statements.after(statement);
          await expectToGoOn(lost, await leave(lost, { by, turnsOfTheLoop: 0 }, time));
        }
      },
    );

    it('has its session still where tokens come in headers', async () => {
      for (const turnsOfTheLoop of [0, 2, 5]) {
        const holder = await scene.login('u3', { 'st-auth-mode': 'header' });
        const head = server.nextRequest();
        const isDone = await leave(holder, { by: 'close', turnsOfTheLoop }, head, BY_HEADER);
        await expectToGoOn(holder, isDone, BY_HEADER);
      }
    });

    it('has it however often it does so', async () => {
      let holder = await scene.login('u4');
      for (let turnsOfTheLoop = 0; turnsOfTheLoop < 5; turnsOfTheLoop += 1) {
        for (const by of WAYS) {
          const isDone = await leave(holder, { by, turnsOfTheLoop }, server.nextRequest());
          holder = await expectToGoOn(holder, isDone);
          await scene.advance(PAST_GRACE_MS);
        }
      }
    });
  });
});
