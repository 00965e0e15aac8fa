import { DataSource } from 'typeorm';
import { afterEach, describe, expect, inject, it } from 'vitest';
import {
  Session,
  sessionEntities,
  SessionService,
  SessionSigningKey,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import { sessionHandleCreatedAtMs } from '../../lib/tokens/session-handle.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp } from '../support/boot-app.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { createClusterDatabase, galeraNodes } from '../support/galera-cluster.js';
import { send, type Answer } from '../support/http-client.js';

const GRACE_PERIOD_MS = 30_000;
const DAY_MS = 86_400_000;
const PARALLEL = 50;
const LATER = 5;
const SESSIONS = 20;
const NODES = 3;

describe('on the three nodes of a Galera cluster at once', () => {
  const nodes = galeraNodes(inject('cluster'));
  const startFleet = useFleets(() => createClusterDatabase(nodes));
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  function start(sessions: SessionModuleOptions = {}): Promise<Fleet> {
    return startFleet({ instances: NODES, sessions });
  }

  function at({ instances, first }: Fleet, index: number): Instance {
    return instances[index % instances.length] ?? first;
  }

  function refresh({ url }: Instance, token: string): Promise<Answer> {
    return send(`${url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' },
    });
  }

  function refreshAtOnce(fleet: Fleet, tokens: readonly string[]): Promise<Answer[]> {
    return Promise.all(tokens.map((token, index) => refresh(at(fleet, index), token)));
  }

  async function isGood(fleet: Fleet, token: string, index = 0): Promise<boolean> {
    return (await refresh(at(fleet, index), token)).status === 200;
  }

  function countsOf(fleet: Fleet): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const name of fleet.instances.flatMap(({ events }) => events)) {
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  async function pollAll({ instances }: Fleet): Promise<void> {
    for (const { app } of instances) await app.get(RevocationFeed).poll();
  }

  const statusesOf = (answers: readonly Answer[]): number[] =>
    [...new Set(answers.map(({ status }) => status))].toSorted((a, b) => a - b);
  const tokenOf = (answer: Answer): string => String(answer.headers['st-refresh-token']);

  it('refreshes of one token rotate once, and each answer is good', async () => {
    const fleet = await start();
    const token = refreshTokenOf(await logIn(fleet.first));
    const answers = await refreshAtOnce(fleet, Array<string>(PARALLEL).fill(token));
    expect(statusesOf(answers)).toEqual([200]);
    expect(countsOf(fleet)).toEqual({ created: 1, refreshed: 1, repeated: PARALLEL - 1 });
    const again = await refreshAtOnce(fleet, answers.map(tokenOf));
    expect(statusesOf(again)).toEqual([200]);
    const [row] = await fleet.first.dataSource.getRepository(Session).find();
    expect(row?.generation).toBe(1);
    expect(countsOf(fleet)).not.toHaveProperty('theftDetected');
  });

  it('refreshes of many sessions, each asked for thrice, lose none of them', async () => {
    const fleet = await start();
    let tokens = await Promise.all(
      Array.from({ length: SESSIONS }, async (_, index) =>
        refreshTokenOf(await logIn(at(fleet, index), `u${index}`)),
      ),
    );
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        [0, 1, 2].map((node) =>
          Promise.all(tokens.map((token, index) => refresh(at(fleet, index + node), token))),
        ),
      );
      expect(statusesOf(answers.flat())).toEqual([200]);
      tokens = (answers[round] ?? []).map(tokenOf);
      await Promise.all(
        (answers[round] ?? []).map(async (answer, index) =>
          at(fleet, index + 1).sessions.getSessionWithoutRequestResponse(
            String(answer.headers['st-access-token']),
          ),
        ),
      );
      for (const { app } of fleet.instances) await app.get(ArrivalQueue).flush();
      fleet.clock.advanceMs(3 * GRACE_PERIOD_MS);
    }
    expect(countsOf(fleet)).toMatchObject({ refreshed: 3 * SESSIONS });
    expect(countsOf(fleet)).not.toHaveProperty('theftDetected');
  });

  it('replays of a spent token are one theft', async () => {
    const fleet = await start();
    const token = refreshTokenOf(await logIn(fleet.first));
    const answer = await refresh(fleet.first, token);
    const access = String(answer.headers['st-access-token']);
    await fleet.first.sessions.getSessionWithoutRequestResponse(access);
    await fleet.first.app.get(ArrivalQueue).flush();
    fleet.clock.advanceMs(GRACE_PERIOD_MS);
    const answers = await refreshAtOnce(fleet, Array<string>(20).fill(token));
    expect(statusesOf(answers)).toEqual([401]);
    expect(countsOf(fleet)).toMatchObject({ theftDetected: 1, revoked: 1 });
    expect(await isGood(fleet, tokenOf(answer), 1)).toBe(false);
  });

  it('revoking all sessions of a user leaves none that was created before, however many logins are under way', async () => {
    const fleet = await start();
    const early = await logIn(fleet.first);
    let revoking: Promise<string[]> = Promise.resolve([]);
    const logins: Promise<SessionContainer>[] = [];
    for (let index = 0; index < PARALLEL; index += 1) {
      fleet.clock.advanceMs(1);
      logins.push(logIn(at(fleet, index)));
      if (index !== PARALLEL / 2) continue;
      fleet.clock.advanceMs(1);
      revoking = at(fleet, index + 1).sessions.revokeAllSessionsForUser('bob');
    }
    const revoked = await revoking;
    for (let index = 0; index < LATER; index += 1) {
      fleet.clock.advanceMs(1);
      logins.push(logIn(at(fleet, index)));
    }
    const sessions = [early, ...(await Promise.all(logins))];
    await pollAll(fleet);
    const [line] = await fleet.first.app.get(RevocationStore).findCutOffs('bob');
    const cutOffMs = line?.cutOffAtMs ?? Number.NaN;
    for (const instance of fleet.instances) {
      const alive = new Set(await instance.sessions.getAllSessionHandlesForUser('bob'));
      expect(alive.size).toBeGreaterThanOrEqual(LATER);
      for (const session of sessions) {
        const handle = session.getHandle();
        const isBefore = sessionHandleCreatedAtMs(handle) < cutOffMs;
        expect(alive.has(handle)).toBe(!isBefore && !revoked.includes(handle));
      }
    }
    const [last] = sessions.slice(-1);
    expect(await isGood(fleet, refreshTokenOf(early), 1)).toBe(false);
    expect(await isGood(fleet, last === undefined ? '' : refreshTokenOf(last), 2)).toBe(true);
  });

  it('the same session is ended by one call alone', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    const ended = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        at(fleet, index).sessions.revokeSession(session.getHandle()),
      ),
    );
    expect(ended.filter(Boolean)).toHaveLength(1);
    expect(await isGood(fleet, refreshTokenOf(session), 2)).toBe(false);
  });

  it.each(['evict-oldest', 'refuse'] as const)(
    'logins of one user leave no more sessions than the limit: %s',
    async (onLimit) => {
      const fleet = await start({ maxSessionsPerUser: { max: 3, onLimit } });
      const logins = await Promise.allSettled(
        Array.from({ length: 24 }, (_, index) => {
          fleet.clock.advanceMs(1);
          return logIn(at(fleet, index));
        }),
      );
      const refusals = logins.filter((each) => each.status === 'rejected');
      const reasons = refusals.map(({ reason }) => (reason as { status?: unknown }).status);
      expect(reasons).toEqual(reasons.map(() => 403));
      for (const { sessions } of fleet.instances) {
        const left = (await sessions.getAllSessionHandlesForUser('bob')).length;
        expect(left).toBeLessThanOrEqual(3);
        expect(onLimit === 'refuse' || left === 3).toBe(true);
      }
    },
  );

  it('changes of one payload are all kept', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    const handle = session.getHandle();
    await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        at(fleet, index).sessions.mergeIntoAccessTokenPayload(handle, { [`claim${index}`]: index }),
      ),
    );
    const found = await at(fleet, 1).sessions.getSessionInformation(handle);
    expect(Object.keys(found?.customClaimsInAccessTokenPayload ?? {})).toHaveLength(6);
  });

  it('instances that start make one key of each kind, and one more when the next is due', async () => {
    const database = await createClusterDatabase(nodes);
    const tables = new DataSource({
      ...database.options,
      entities: [...sessionEntities],
      synchronize: true,
    });
    await tables.initialize();
    undo.push(() => database.drop());
    undo.push(() => tables.destroy());
    const clock = new FakeClock();
    const booted = await Promise.all(
      nodes.map((_, index) =>
        bootApp({
          database: { ...database.optionsAt?.(index), synchronize: false } as never,
          clock,
        }),
      ),
    );
    undo.push(async () => {
      for (const each of booted) await each.close();
    });
    const services = booted.map(({ app }) => app.get(SessionService));
    const count = () => tables.getRepository(SessionSigningKey).count();
    expect(await count()).toBe(2);
    clock.advanceMs(7 * DAY_MS - 60_000);
    await Promise.all(services.map((sessions) => logIn({ sessions })));
    await expect.poll(count, { timeout: 20_000 }).toBe(3);
    clock.advanceMs(60_000);
    const logins = await Promise.all(services.map((sessions) => logIn({ sessions })));
    for (const sessions of services) {
      for (const login of logins) {
        await sessions.getSessionWithoutRequestResponse(login.getAccessToken());
      }
    }
    expect(await count()).toBe(3);
  });

  it('pruning deletes what has expired, once, and nothing else', async () => {
    const fleet = await start();
    await Promise.all(
      Array.from({ length: 450 }, (_, index) => logIn(at(fleet, index), `u${index % 7}`)),
    );
    fleet.clock.advanceMs(100 * DAY_MS);
    const young = await Promise.all(fleet.instances.map((each) => logIn(each)));
    const pruned = await Promise.all(
      fleet.instances.map(({ app }) => app.get(SessionPruner).prune()),
    );
    expect(Math.max(...pruned)).toBeGreaterThan(0);
    const left = await fleet.first.dataSource.getRepository(Session).find();
    expect(left.map(({ handle }) => handle).toSorted()).toEqual(
      young.map((each) => each.getHandle()).toSorted(),
    );
  });
});
