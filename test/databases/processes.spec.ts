/*
 * Several processes with the built package on one database. PROCESSES sets how many, KILLS how often one of them is
 * killed in the midst of a storm of refreshes.
 */
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Session, sessionEntities } from '../../lib/index.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { send, type Answer } from '../support/http-client.js';
import { SessionProcess, type LoginTokens } from '../support/session-process.js';

const PROCESSES = Number(process.env['PROCESSES'] ?? 3);
const KILLS = Number(process.env['KILLS'] ?? 2);
const SESSIONS_PER_KILL = 16;
// How many processes start while others are being killed.
const RESERVE = 3;
const MILLISECONDS_PER_KILL = 15_000;
const GRACE_PERIOD_MS = 30_000;
const DAY_MS = 86_400_000;

describeOnEachDatabase('several processes', (engine) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let processes: SessionProcess[] = [];
  let nowMs = Math.floor(Date.now() / 1000) * 1000;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    dataSource = await new DataSource({
      ...database.options,
      entities: [...sessionEntities],
      synchronize: true,
    }).initialize();
    processes = await Promise.all(Array.from({ length: PROCESSES }, start));
  });
  afterAll(async () => {
    for (const each of processes) await each.kill();
    await dataSource.destroy();
    await database.drop();
  });

  function start(): Promise<SessionProcess> {
    return SessionProcess.start({ database: database.options, nowMs });
  }

  /** A process by its number, counted round. */
  function at(index: number): SessionProcess {
    const found = processes[index % processes.length];
    if (found === undefined) throw new Error('no process');
    return found;
  }

  async function advance(milliseconds: number): Promise<void> {
    nowMs += milliseconds;
    await Promise.all(processes.map((each) => each.call('advance', milliseconds)));
  }

  async function countKeys(): Promise<Record<string, number>> {
    const rows: { kind: string }[] = await dataSource.query('SELECT kind FROM auth_session_key');
    const counts: Record<string, number> = {};
    for (const { kind } of rows) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  /** How many sessions have rotated and not yet been seen in use: that is noted behind the answers. */
  async function countUnconfirmed(): Promise<number> {
    const sessions = await dataSource.getRepository(Session).find();
    return sessions.filter((each) => each.generation > 0 && each.confirmedAt === null).length;
  }

  /** `undefined` where the process died before it had answered. */
  async function refresh({ url }: SessionProcess, token: string): Promise<Answer | undefined> {
    const headers = { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' };
    return send(`${url}/auth/session/refresh`, 'POST', { headers }).catch(() => undefined);
  }

  async function events(): Promise<string[]> {
    return (await Promise.all(processes.map((each) => each.call('events')))).flat();
  }

  it('that start at once make one key of each kind, which all of them have', async () => {
    expect(await countKeys()).toEqual({ dynamic: 1, mac: 1 });
    const kids = await Promise.all(processes.map((each) => each.call('kids')));
    expect(new Set(kids.map((each) => each.join())).size).toBe(1);
    const { accessToken } = await at(0).call('logIn', 'bob');
    for (const each of processes) expect(await each.call('isAccepted', accessToken)).toBe(true);
  });

  it('that find the next key due at once make one', async () => {
    await advance(7 * DAY_MS - 60_000);
    const logins = await Promise.all(
      processes.flatMap((each) => [each.call('logIn', 'bob'), each.call('logIn', 'bob')]),
    );
    await vi.waitUntil(async () => (await countKeys())['dynamic'] === 2, 10_000);
    await advance(60_000);
    const { accessToken } = await at(0).call('logIn', 'bob');
    for (const each of processes) expect(await each.call('isAccepted', accessToken)).toBe(true);
    expect(await at(1).call('isAccepted', logins[0]?.accessToken ?? '')).toBe(true);
    expect(await countKeys()).toEqual({ dynamic: 2, mac: 1 });
  });

  it('that refresh one token at once rotate once', async () => {
    const { refreshToken } = await at(0).call('logIn', 'al');
    const before = await events();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) => refresh(at(index), refreshToken)),
    );
    expect(answers.map((answer) => answer?.status)).toEqual(Array(24).fill(200));
    const after = await events();
    const rotations = (names: string[]) => names.filter((name) => name === 'refreshed').length;
    expect(rotations(after) - rotations(before)).toBe(1);
    expect(after).not.toContain('theftDetected');
  });

  it('refuse what one of them has revoked, within the poll interval', async () => {
    const { accessToken, refreshToken, handle } = await at(0).call('logIn', 'al');
    expect(await at(1).call('isAccepted', accessToken)).toBe(true);
    await at(0).call('revoke', handle);
    expect(await at(0).call('isAccepted', accessToken)).toBe(false);
    expect((await refresh(at(1), refreshToken))?.status).toBe(401);
    for (const each of processes) {
      await vi.waitUntil(async () => !(await each.call('isAccepted', accessToken)), 10_000);
    }
  });

  it('that prune at once delete what has expired, and nothing else', async () => {
    await Promise.all(processes.map((each) => each.call('logIn', 'carol')));
    await advance(100 * DAY_MS);
    const young = await Promise.all(processes.map((each) => each.call('logIn', 'carol')));
    await Promise.all(processes.map((each) => each.call('prune')));
    const rows: unknown[] = await dataSource.query('SELECT handle FROM auth_session');
    expect(rows).toHaveLength(young.length);
    expect(await at(0).call('handlesOf', 'carol')).toHaveLength(young.length);
  });

  /** Starts so many processes, some ahead of their turn, and gives each to `use` in its turn. */
  async function withEach(
    count: number,
    use: (each: SessionProcess, index: number) => Promise<void>,
  ): Promise<void> {
    const startNext = async (): Promise<readonly [SessionProcess, number]> => {
      const startedAtMs = nowMs;
      return [await start(), startedAtMs];
    };
    const ready = Array.from({ length: Math.min(RESERVE, count) }, startNext);
    try {
      for (let index = 0; index < count; index += 1) {
        const [next, startedAtMs] = await (ready.shift() ?? startNext());
        if (index + ready.length + 1 < count) ready.push(startNext());
        await next.call('advance', nowMs - startedAtMs);
        try {
          await use(next, index);
        } finally {
          await next.kill();
        }
      }
    } finally {
      for (const each of await Promise.all(ready)) await each[0].kill();
    }
  }

  it(
    'one of which is killed between a rotation and its answer lose no session and see no theft',
    { timeout: 30_000 + KILLS * MILLISECONDS_PER_KILL },
    async () => {
      const clients: LoginTokens[] = await Promise.all(
        Array.from({ length: SESSIONS_PER_KILL }, (_, i) => at(i).call('logIn', `d${i}`)),
      );
      let lost = 0;
      await withEach(KILLS, async (victim, kill) => {
        await victim.call('dieAfterRotations', 1 + ((kill * 5) % SESSIONS_PER_KILL));
        await Promise.all(
          clients.map(async (client, index) => {
            const answer = await refresh(victim, client.refreshToken);
            if (answer === undefined) lost += 1;
            // Whoever got no answer asks again, and gets one from another process.
            const { status, headers } =
              answer ?? (await refresh(at(index), client.refreshToken)) ?? {};
            expect(status).toBe(200);
            client.refreshToken = String(headers?.['st-refresh-token']);
            client.accessToken = String(headers?.['st-access-token']);
          }),
        );
        await victim.exited();
        const accepted = clients.map((each) => at(kill).call('isAccepted', each.accessToken));
        expect(await Promise.all(accepted)).toEqual(clients.map(() => true));
        await vi.waitUntil(async () => (await countUnconfirmed()) === 0, 10_000);
        await advance(3 * GRACE_PERIOD_MS);
      });
      expect(lost).toBeGreaterThanOrEqual(KILLS);
      for (const client of clients) {
        expect((await refresh(at(0), client.refreshToken))?.status).toBe(200);
      }
      expect(await events()).not.toContain('theftDetected');
      if (process.env['KILLS'] !== undefined) {
        process.stdout.write(
          `${engine}: ${KILLS} processes killed, ${lost} answers lost, no session\n`,
        );
      }
    },
  );

  it('end by themselves once their application is closed', async () => {
    const closed = processes.pop();
    await closed?.call('logIn', 'bob');
    expect(await closed?.close()).toBe(0);
  });
});
