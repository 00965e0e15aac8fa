import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  sessionEntities,
  SessionService,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { logIn, refreshTokenOf } from '../support/fleet.js';
import { fillWithRevocations, fillWithSessions } from '../support/many-rows.js';
import { StatementLog } from '../support/statement-log.js';
import { looksForRows, tableScansOf } from '../support/table-scans.js';

const MANY = 100_000;
const FEW = 5_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const OPTIONS: SessionModuleOptions = {
  maxSessionsPerUser: 5,
  device: { ip: true, userAgent: true, retention: '30d' },
};

/** An application on the database with many rows, by which a deed is done. */
class Actor {
  constructor(
    readonly clock: FakeClock,
    private readonly booted: BootedApp,
    /** Starts a second instance, and stops it when the deed is done. */
    readonly beside: (options: SessionModuleOptions, deed: Deed) => Promise<unknown>,
  ) {}

  get sessions(): SessionService {
    return this.booted.app.get(SessionService);
  }
  get feed(): RevocationFeed {
    return this.booted.app.get(RevocationFeed);
  }
  get pruner(): SessionPruner {
    return this.booted.app.get(SessionPruner);
  }

  /** Of logins at the same millisecond any could be taken for the oldest. */
  logIn(userId = 'user-501'): Promise<SessionContainer> {
    this.clock.advanceMs(1);
    return logIn(this, userId);
  }
  refresh(session: SessionContainer): Promise<SessionContainer> {
    return this.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session));
  }
  async verify(session: SessionContainer, checkDatabase: boolean): Promise<void> {
    const token = session.getAccessToken();
    await this.sessions.getSessionWithoutRequestResponse(token, undefined, { checkDatabase });
    await this.booted.app.get(ArrivalQueue).flush();
  }
}

type Deed = (actor: Actor) => Promise<unknown>;

/** All that an application does with sessions, in the words of those who use it. */
const DEEDS: readonly (readonly [string, Deed])[] = [
  ['a login, and its place among the user’s sessions', (actor) => actor.logIn('newcomer')],
  ['a login that ends the oldest session', (actor) => actor.logIn('user-502')],
  [
    'a login that is refused at the limit',
    ({ beside }) =>
      beside({ maxSessionsPerUser: { max: 5, onLimit: 'refuse' } }, (other) =>
        expect(other.logIn('user-503')).rejects.toThrow('sessions'),
      ),
  ],
  ['a verification in the database', async (actor) => actor.verify(await actor.logIn(), true)],
  [
    'a verification in the database where there is no feed',
    ({ beside }) =>
      beside({ revocation: false }, async (other) => other.verify(await other.logIn(), true)),
  ],
  [
    'a refresh, and the note that its answer has arrived',
    async (actor) => actor.verify(await actor.refresh(await actor.logIn()), false),
  ],
  [
    'a refresh that is asked for again, and then a replay of its token',
    async (actor) => {
      const stolen = await actor.logIn();
      const refreshed = await actor.refresh(stolen);
      await actor.refresh(stolen);
      await actor.refresh(refreshed);
      actor.clock.advanceMs(MINUTE_MS);
      await actor.refresh(refreshed);
      await expect(actor.refresh(stolen)).rejects.toThrow('token theft detected');
    },
  ],
  [
    'a refresh of a session that is over',
    ({ beside }) =>
      beside({ refreshTokenLifetime: '2h' }, async (other) => {
        const session = await other.logIn();
        other.clock.advanceMs(2 * HOUR_MS);
        await expect(other.refresh(session)).rejects.toThrow('unauthorised');
      }),
  ],
  ['the list of a user’s sessions', ({ sessions }) => sessions.listSessions('user-505')],
  [
    'the number of a user’s sessions',
    ({ sessions }) => sessions.getAllSessionHandlesForUser('user-505'),
  ],
  [
    'a change of a session’s data and claims',
    async (actor) => {
      const handle = (await actor.logIn()).getHandle();
      await actor.sessions.updateSessionDataInDatabase(handle, { theme: 'dark' });
      await actor.sessions.mergeIntoAccessTokenPayload(handle, { plan: 'gold' });
    },
  ],
  [
    'the end of one session, and what is known of it before and after',
    async (actor) => {
      const handle = (await actor.logIn()).getHandle();
      expect(await actor.sessions.explain(handle)).toMatchObject({ status: 'live' });
      expect(await actor.sessions.revokeSession(handle)).toBe(true);
      expect(await actor.sessions.explain(handle)).toMatchObject({ status: 'ended' });
    },
  ],
  [
    'the end of several sessions',
    async ({ sessions }) => {
      const handles = await sessions.getAllSessionHandlesForUser('user-506');
      expect(await sessions.revokeMultipleSessions(handles)).toHaveLength(5);
    },
  ],
  [
    'the end of all sessions of a user',
    async ({ sessions }) =>
      expect(await sessions.revokeAllSessionsForUser('user-507')).toHaveLength(5),
  ],
  [
    'the end of a user’s other sessions',
    async (actor) => {
      const handle = (await actor.logIn('user-508')).getHandle();
      expect(await actor.sessions.revokeOtherSessions('user-508', handle)).toHaveLength(4);
    },
  ],
  [
    'the word that a user’s claims are stale',
    ({ sessions }) => sessions.markClaimsStale('user-509'),
  ],
  ['forgetting a user', ({ sessions }) => sessions.forgetUser('user-510')],
  [
    'a poll of the feed, whether it looks back for seconds, minutes or all that matters',
    async ({ feed, clock }) => {
      for (const laterMs of [1_000, 31_000, 11 * MINUTE_MS]) {
        clock.advanceMs(laterMs);
        await feed.poll();
      }
    },
  ],
  [
    'pruning of sessions, of lines of the feed and of what is known of clients',
    async ({ pruner }) => expect(await pruner.prune()).toBeGreaterThan(40),
  ],
  [
    'the end of all sessions of a tenant',
    ({ sessions }) => sessions.revokeAllSessionsOfTenant('other'),
  ],
  ['the end of all sessions', ({ sessions }) => sessions.revokeEverything()],
  [
    'pruning of the line that ended all sessions',
    async ({ clock, pruner }) => {
      clock.advanceMs(8 * DAY_MS);
      await pruner.prune();
    },
  ],
];

describeOnEachDatabase('with 100,000 sessions and 100,000 lines of the feed', (engine) => {
  const log = new StatementLog();
  const clock = new FakeClock();
  let database: TestDatabase;
  let booted: BootedApp;
  /** Where plans are made, by the same tables with many rows: nothing is done there, so that they stay many. */
  let large: { database: TestDatabase; dataSource: DataSource };
  /** The same tables without a row and without statistics, by which SQLite plans where nobody has run ANALYZE. */
  let unknown: { database: TestDatabase; dataSource: DataSource };

  beforeAll(async () => {
    large = await filled(MANY);
    unknown = await empty();
    const acted = await filled(FEW);
    await acted.dataSource.destroy();
    ({ database } = acted);
    booted = await boot();
  });
  afterAll(async () => {
    await booted.close();
    await database.drop();
    for (const each of [large, unknown]) {
      await each.dataSource.destroy();
      await each.database.drop();
    }
  });

  async function empty() {
    const made = await createTestDatabase(engine);
    const entities = [...sessionEntities];
    const dataSource = new DataSource({ ...made.options, entities, synchronize: true });
    await dataSource.initialize();
    return { database: made, dataSource };
  }

  async function filled(rows: number) {
    const made = await empty();
    await fillWithSessions(made.dataSource, rows, clock.now());
    await fillWithRevocations(made.dataSource, rows, clock.now());
    return made;
  }

  function boot(sessions: SessionModuleOptions = {}): Promise<BootedApp> {
    return bootApp({
      clock,
      database: { ...database.options, synchronize: false, logging: true, logger: log },
      sessions: { ...OPTIONS, ...sessions },
    });
  }

  async function act(deed: Deed, by = booted): Promise<void> {
    await deed(
      new Actor(clock, by, async (options, done) => {
        const other = await boot(options);
        try {
          await act(done, other);
        } finally {
          await other.close();
        }
      }),
    );
  }

  /** Of statements alike the last: their plans are the same. */
  async function tableScans(from: number): Promise<string[]> {
    const statements = new Map(
      log
        .since(from)
        .filter(looksForRows)
        .map((each) => [each.sql, each]),
    );
    expect(statements.size).toBeGreaterThan(0);
    const found: string[] = [];
    // Servers keep statistics themselves, and plan otherwise for a table without rows.
    const planners = engine === 'sqlite' ? [large, unknown] : [large];
    for (const statement of statements.values()) {
      for (const { dataSource } of planners) {
        const scans = await tableScansOf(dataSource, statement);
        found.push(...scans.map((scan) => `${scan} in ${statement.sql}`));
      }
    }
    return found;
  }

  it.each(DEEDS)('no table is read from end to end by %s', async (_, deed) => {
    const from = log.length;
    await act(deed);
    expect(await tableScans(from)).toEqual([]);
  });

  it('nor by anything that was sent at the start and behind the requests', async () => {
    expect(await tableScans(0)).toEqual([]);
  });
});
