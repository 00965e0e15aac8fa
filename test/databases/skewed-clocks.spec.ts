import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sessionEntities, type SessionModuleOptions } from '../../lib/index.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http-client.js';
import { SessionProcess, type LoginTokens } from '../support/session-process.js';

const SKEWS_MS = [-90_000, 0, 90_000];
// Far less than what the clocks are apart, and far more than a measurement takes on a busy machine.
const APART_MS = 20_000;
const TIMES = 50;
const SOON = { timeout: 25_000, interval: 100 };

/** Starts processes whose machines' clocks are wrong by so much. */
async function startProcesses(
  database: TestDatabase,
  skewsMs: readonly number[],
  options: SessionModuleOptions = {},
): Promise<SessionProcess[]> {
  const entities = [...sessionEntities];
  const tables = new DataSource({ ...database.options, entities, synchronize: true });
  await tables.initialize();
  await tables.destroy();
  const sessions = { accessTokenLifetime: '1m', refreshGracePeriod: 0, ...options } as const;
  return Promise.all(
    skewsMs.map((skewMs) => SessionProcess.start({ database: database.options, sessions, skewMs })),
  );
}

async function isRefreshed({ url }: SessionProcess, tokens: LoginTokens): Promise<boolean> {
  const answer = await send(`${url}/auth/session/refresh`, 'POST', {
    headers: { authorization: `Bearer ${tokens.refreshToken}`, 'st-auth-mode': 'header' },
  });
  if (answer.status !== 200) return false;
  tokens.refreshToken = String(answer.headers['st-refresh-token']);
  return true;
}

describeOnEachServer('several processes whose clocks are 90 seconds apart', (engine) => {
  let database: TestDatabase;
  let processes: SessionProcess[] = [];

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    processes = await startProcesses(database, SKEWS_MS);
  });
  afterAll(async () => {
    for (const each of processes) await each.kill();
    await database.drop();
  });

  /** The process whose clock is behind, right or ahead. */
  function at(index: 0 | 1 | 2): SessionProcess {
    const found = processes[index];
    if (found === undefined) throw new Error('no process');
    return found;
  }

  /** How far a process is from the time of the database, which is this machine's. */
  async function errorMs(each: SessionProcess): Promise<number> {
    const beforeMs = Date.now();
    const saidMs = await each.call('now');
    return saidMs < beforeMs ? beforeMs - saidMs : Math.max(0, saidMs - Date.now());
  }

  it('go by the clock of the database', async () => {
    for (const each of processes) expect(await errorMs(each)).toBeLessThan(APART_MS);
  });

  it("accept each other's access tokens, which live for a minute", async () => {
    for (const maker of processes) {
      const { accessToken } = await maker.call('logIn', 'al');
      for (const each of processes) expect(await each.call('isAccepted', accessToken)).toBe(true);
    }
  });

  it('refresh one session in turn, and none of them sees a theft', async () => {
    const tokens = await at(0).call('logIn', 'bob');
    for (const each of [...processes, ...processes]) {
      expect(await isRefreshed(each, tokens)).toBe(true);
    }
    for (const each of processes) expect(await each.call('events')).not.toContain('theftDetected');
  });

  it.each([
    [2, 0],
    [0, 2],
  ] as const)(
    'agree on which session was there when all of a user were revoked: by %i, seen by %i',
    { timeout: 60_000 },
    async (revoker, other) => {
      for (let time = 0; time < TIMES; time += 1) {
        const userId = `user${revoker}-${time}`;
        const before = await at(other).call('logIn', userId);
        expect(await at(revoker).call('revokeAll', userId)).toEqual([before.handle]);
        const after = await at(other).call('logIn', userId);
        expect(await isRefreshed(at(revoker), after)).toBe(true);
        expect(await isRefreshed(at(other), before)).toBe(false);
      }
    },
  );

  it('come back to it when the clock of one of them jumps', async () => {
    for (const milliseconds of [-90_000, 180_000]) {
      await at(1).call('jump', milliseconds);
      await expect.poll(() => errorMs(at(1)), SOON).toBeLessThan(APART_MS);
    }
  });

  it('come back to it without the feed of revocations too', async () => {
    const [alone] = await startProcesses(database, [0], { revocation: false });
    if (alone === undefined) throw new Error('no process');
    await alone.call('jump', 90_000);
    await expect.poll(() => errorMs(alone), SOON).toBeLessThan(APART_MS);
    await alone.kill();
  });
});

describeOnEachServer('two processes whose clocks are some tenths of a second apart', (engine) => {
  let database: TestDatabase;
  let ahead: SessionProcess;
  let behind: SessionProcess;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    const [first, second] = await startProcesses(database, [80, -80]);
    if (first === undefined || second === undefined) throw new Error('no process');
    [ahead, behind] = [first, second];
  });
  afterAll(async () => {
    for (const each of [ahead, behind]) await each.kill();
    await database.drop();
  });

  const WAYS_TO_END_ALL = [
    ['a user’s sessions', (by: SessionProcess) => by.call('revokeAll', 'al')],
    ['a tenant’s sessions', (by: SessionProcess) => by.call('revokeTenant', 'public')],
    ['everyone’s sessions', (by: SessionProcess) => by.call('revokeEverything')],
  ] as const;

  it.each(WAYS_TO_END_ALL)(
    'keep each session that begins at once after one of them has ended %s',
    { timeout: 60_000 },
    async (_, endAll) => {
      for (let time = 0; time < TIMES; time += 1) {
        for (const login of [behind, ahead]) {
          const before = await login.call('logIn', 'al');
          await endAll(ahead);
          const after = await login.call('logIn', 'al');
          expect.soft(await isRefreshed(behind, after)).toBe(true);
          expect(await isRefreshed(behind, before)).toBe(false);
        }
      }
    },
  );
});
