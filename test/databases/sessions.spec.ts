import { Between, IsNull } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { sessionEntities } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { databaseNowMs } from '../../lib/store/database-clock.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { Session } from '../../lib/store/session.entity.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** MariaDB's default collation takes all of these for one; the last but one is the same text in two code points more. */
const LOOKALIKES = ['bob', 'BOB', 'Bob', 'bob ', 'bób', 'bo\u0301b', 'böb'];

describeOnEachDatabase('sessions', (engine) => {
  const startFleet = useFleets(engine);

  async function isAlive({ sessions }: Instance, token: string): Promise<boolean> {
    return sessions.refreshSessionWithoutRequestResponse(token).then(
      () => true,
      () => false,
    );
  }

  it('are those of exactly one user id, whatever the collation takes for the same', async () => {
    const { first, clock } = await startFleet();
    const { sessions } = first;
    const tokens = new Map<string, string>();
    const handles = new Map<string, string>();
    for (const userId of LOOKALIKES) {
      const session = await logIn(first, userId);
      tokens.set(userId, refreshTokenOf(session));
      handles.set(userId, session.getHandle());
    }
    clock.advanceMs(1_000);
    for (const [index, userId] of LOOKALIKES.entries()) {
      const handle = handles.get(userId);
      expect(await sessions.getAllSessionHandlesForUser(userId)).toEqual([handle]);
      expect(await sessions.revokeAllSessionsForUser(userId)).toEqual([handle]);
      clock.advanceMs(HOUR_MS);
      const alive = LOOKALIKES.slice(index + 1).map((each) => tokens.get(each) ?? '');
      for (const token of alive.slice(0, 1)) expect(await isAlive(first, token)).toBe(true);
      expect(await isAlive(first, tokens.get(userId) ?? '')).toBe(false);
    }
  });

  it('are those of exactly one tenant', async () => {
    const { first, clock } = await startFleet();
    const { sessions } = first;
    const tenants = ['acme', 'ACME', 'acme ', 'acmé'];
    for (const tenant of tenants) {
      await sessions.createNewSessionWithoutRequestResponse(tenant, 'bob');
    }
    clock.advanceMs(1_000);
    for (const [index, tenant] of tenants.entries()) {
      expect(await sessions.getAllSessionHandlesForUser('bob', tenant)).toHaveLength(1);
      expect(await sessions.revokeAllSessionsForUser('bob', tenant)).toHaveLength(1);
      const left = await sessions.getAllSessionHandlesForUser('bob');
      expect(left).toHaveLength(tenants.length - index - 1);
    }
  });

  it('come back as they were written, each column', async () => {
    const { first, clock } = await startFleet();
    const store = first.app.get(SessionStore);
    const payload = { text: 'Zoë 🦊 \u2028 "quoted" \\ %s ?', list: [1, null, { deep: true }] };
    for (const persistent of [true, false]) {
      const record = {
        ...(await loggedInRecord(first)),
        handle: (await logIn(first)).getHandle(),
        // The largest that a bigint and a double both hold, and what lies beyond 32 bits.
        rotatedAtMs: Number.MAX_SAFE_INTEGER,
        confirmedAtMs: 2 ** 32 + 1,
        generation: 2 ** 31 - 1,
        accessTokenPayload: payload,
        sessionData: { '🦊': '' },
        persistent,
        createdAtMs: clock.now() + 0,
        ip: '2001:db8::1',
        userAgent: 'Mozilla/5.0 (🦊)',
      };
      await store.deleteAll([record.handle]);
      await store.insert(record);
      expect(await store.find(record.handle)).toEqual(record);
    }
  });

  it('give their times as numbers in the exported entities, as the types say', async () => {
    const { first, clock } = await startFleet();
    await logIn(first);
    await first.sessions.revokeAllSessionsForUser('eve');
    for (const entity of sessionEntities) {
      const [row] = await first.dataSource.getRepository<object>(entity).find();
      const times = Object.entries(row ?? {}).filter(([name]) => /(At|Until)$/.test(name));
      expect(times.length).toBeGreaterThan(1);
      const others = times.filter(([, value]) => value !== null && typeof value !== 'number');
      expect(others).toEqual([]);
    }
    const found = await first.dataSource.getRepository(Session).findBy({
      createdAt: Between(clock.now(), clock.now()),
      confirmedAt: IsNull(),
    });
    expect(found.map(({ createdAt, confirmedAt }) => [createdAt, confirmedAt])).toEqual([
      [clock.now(), null],
    ]);
  });

  it('are rotated, changed and deleted by one of several at once, and it alone is told so', async () => {
    const { first, clock } = await startFleet();
    const store = first.app.get(SessionStore);
    const record = await loggedInRecord(first);
    const next = {
      ...record,
      generation: 1,
      parentHash: 'a'.repeat(64),
      expiresAtMs: clock.now() + DAY_MS,
    };
    const fourTimes = (work: () => Promise<boolean>): Promise<boolean[]> =>
      Promise.all([work(), work(), work(), work()]).then((each) => each.toSorted());
    const onlyOne = [false, false, false, true];
    const live = { nowMs: clock.now(), activeAfterMs: { persistent: 0, nonPersistent: 0 } };
    expect(await fourTimes(() => store.beginGeneration(record, next))).toEqual(onlyOne);
    const replace = (): Promise<boolean> =>
      store.replaceAccessTokenPayload(record.handle, 0, { same: true });
    expect(await fourTimes(replace)).toEqual(onlyOne);
    const revoke = (): Promise<boolean> => first.sessions.revokeSession(record.handle);
    expect(await fourTimes(revoke)).toEqual(onlyOne);
    expect(await store.replaceSessionData(record.handle, {}, live)).toBe(false);
  });

  it('keep what each of several merges at once has brought', async () => {
    const { first } = await startFleet();
    const session = await logIn(first);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(
      names.map((name) =>
        first.sessions.mergeIntoAccessTokenPayload(session.getHandle(), { [name]: true }),
      ),
    );
    const information = await first.sessions.getSessionInformation(session.getHandle());
    expect(Object.keys(information?.customClaimsInAccessTokenPayload ?? {}).toSorted()).toEqual(
      names,
    );
  });

  it('say that their data was replaced, also where it is the same as before', async () => {
    // Without FOUND_ROWS the protocol of MySQL counts the rows that have changed, not those that were found.
    const driver = engine === 'mariadb' ? { flags: ['-FOUND_ROWS'] } : {};
    const { first } = await startFleet({ driver });
    const handle = (await logIn(first)).getHandle();
    for (let time = 0; time < 2; time += 1) {
      expect(await first.sessions.updateSessionDataInDatabase(handle, { cart: 1 })).toBe(true);
    }
  });

  it('that have expired are pruned, however many they are, and no others', async () => {
    const { first, clock } = await startFleet({ sessions: { refreshTokenLifetime: '1d' } });
    const store = first.app.get(SessionStore);
    const record = await loggedInRecord(first);
    const { dataSource } = first;
    await dataSource.transaction(async (manager) => {
      const inTransaction = new SessionStore(first.app.get(SessionDatabase).withManager(manager));
      for (let count = 0; count < 1_100; count += 1) {
        const handle = `0192a000-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
        await inTransaction.insert({ ...record, handle });
      }
    });
    clock.advanceMs(DAY_MS - 1);
    const young = await logIn(first);
    expect(await first.app.get(SessionPruner).prune()).toBe(0);
    clock.advanceMs(1);
    expect(await first.app.get(SessionPruner).prune()).toBe(1_101);
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([young.getHandle()]);
    expect(await store.find(record.handle)).toBeUndefined();
  });

  it('end, and are pruned, whatever something else has written into their rows', async () => {
    const { first, clock } = await startFleet({ sessions: { refreshTokenLifetime: '1d' } });
    const { sessions, dataSource } = first;
    const spoil = async (): Promise<string> => {
      const handle = (await logIn(first)).getHandle();
      const spoilt = { accessTokenPayload: 'no JSON', sessionData: '' };
      await dataSource.getRepository(Session).update({ handle }, spoilt);
      return handle;
    };
    expect(await sessions.revokeSession(await spoil())).toBe(true);
    const two = [await spoil(), await spoil()];
    clock.advanceMs(1);
    expect((await sessions.revokeAllSessionsForUser('bob')).toSorted()).toEqual(two.toSorted());
    await spoil();
    await sessions.forgetUser('bob');
    await spoil();
    clock.advanceMs(DAY_MS);
    expect(await first.app.get(SessionPruner).prune()).toBe(1);
  });

  it('that were refreshed after the pruner had read them stay', async () => {
    const { first, clock } = await startFleet();
    const store = first.app.get(SessionStore);
    const record = await loggedInRecord(first);
    await store.deleteExpired([record.handle], clock.now());
    expect(await store.find(record.handle)).toBeDefined();
  });

  it('of a user whose claims were marked as stale outlive that mark', async () => {
    const { first, clock } = await startFleet();
    const session = await logIn(first);
    clock.advanceMs(1_000);
    await first.sessions.markClaimsStale('bob');
    clock.advanceMs(30 * DAY_MS);
    await first.app.get(SessionPruner).prune();
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([session.getHandle()]);
  });

  it('that were committed after their cut-off are dead for ever, and go with its line', async () => {
    const { first, clock, join } = await startFleet();
    const store = first.app.get(SessionStore);
    const record = await loggedInRecord(first);
    clock.advanceMs(1_000);
    await first.sessions.revokeAllSessionsForUser('bob');
    await store.insert(record);
    // Long after the last access token of before, up to when the line is kept at most.
    for (const hours of [0, 2, 24 * 7]) {
      clock.advanceMs(hours * HOUR_MS);
      await first.app.get(RevocationFeed).poll();
      for (const { sessions } of [first, await join()]) {
        expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
      }
    }
    expect(await store.find(record.handle)).toBeDefined();
    await first.app.get(SessionPruner).prune();
    expect(await store.find(record.handle)).toBeUndefined();
  });

  async function loggedInRecord(instance: Instance) {
    const session = await logIn(instance);
    const record = await instance.app.get(SessionStore).find(session.getHandle());
    if (record === undefined) throw new Error('no row');
    return record;
  }

  describe('in a time zone with quarters of an hour', () => {
    const before = process.env['TZ'];
    afterEach(() => {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    });

    it('I6: have the same times', async () => {
      process.env['TZ'] = 'Asia/Kathmandu';
      expect(new Date(0).getTimezoneOffset()).toBe(-330);
      const { first, clock } = await startFleet({ sessions: { refreshTokenLifetime: '1d' } });
      const session = await logIn(first);
      expect(await first.sessions.getSessionInformation(session.getHandle())).toMatchObject({
        timeCreated: clock.now(),
        expiry: clock.now() + DAY_MS,
      });
      clock.advanceMs(DAY_MS - 1);
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
      clock.advanceMs(1);
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
      const nowMs = await databaseNowMs(first.app.get(SessionDatabase));
      expect(Math.abs((nowMs ?? Date.now()) - Date.now())).toBeLessThan(10 * 60_000);
    });
  });
});
