import { expect, it } from 'vitest';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { StatementLog } from '../support/statement-log.js';
import { send, type Answer } from '../support/http-client.js';

const GRACE_PERIOD_MS = 30_000;
const HOUR_MS = 3_600_000;
const PARALLEL = 50;

describeOnEachDatabase('refreshes over HTTP', (engine) => {
  const startFleet = useFleets(engine);
  const instances = engine === 'sqlite' ? 1 : 2;

  function refresh({ url }: Instance, token: string): Promise<Answer> {
    return send(`${url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' },
    });
  }

  /** As many requests as there are tokens, all under way at once, over all instances. */
  function refreshAtOnce(fleet: Fleet, tokens: readonly string[]): Promise<Answer[]> {
    return Promise.all(
      tokens.map((token, index) =>
        refresh(fleet.instances[index % fleet.instances.length] ?? fleet.first, token),
      ),
    );
  }

  /** The client uses an access token that came with a refresh, which shows that the answer arrived. */
  async function use({ app, sessions }: Instance, answer: Answer): Promise<void> {
    await sessions.getSessionWithoutRequestResponse(String(answer.headers['st-access-token']));
    await app.get(ArrivalQueue).flush();
  }

  async function rowOf({ first }: Fleet) {
    const [handle] = await first.sessions.getAllSessionHandlesForUser('bob');
    return handle === undefined ? undefined : first.app.get(SessionStore).find(handle);
  }

  function eventsOf(fleet: Fleet): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const name of fleet.instances.flatMap((each) => each.events)) {
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  const tokenOf = (answer: Answer): string => String(answer.headers['st-refresh-token']);
  const statusesOf = (answers: readonly Answer[]): number[] => [
    ...new Set(answers.map((answer) => answer.status)),
  ];

  it('of one token at once rotate once, and each answer is good until the next rotation', async () => {
    const fleet = await startFleet({ instances });
    const token = refreshTokenOf(await logIn(fleet.first));
    const answers = await refreshAtOnce(fleet, Array<string>(PARALLEL).fill(token));
    expect(statusesOf(answers)).toEqual([200]);
    expect((await rowOf(fleet))?.generation).toBe(1);
    expect(eventsOf(fleet)).toEqual({ created: 1, refreshed: 1, repeated: PARALLEL - 1 });
    const tokens = new Set(answers.map(tokenOf));
    expect(tokens.size).toBe(PARALLEL);

    // Nobody has shown yet that one arrived: each is answered, by the same generation, at whatever time.
    fleet.clock.advanceMs(HOUR_MS);
    const repeated = await refreshAtOnce(fleet, [...tokens]);
    expect(statusesOf(repeated)).toEqual([200]);
    expect((await rowOf(fleet))?.generation).toBe(1);

    fleet.clock.advanceMs(3 * GRACE_PERIOD_MS);
    const [winner = ''] = tokens;
    expect((await refresh(fleet.first, winner)).status).toBe(200);
    expect((await rowOf(fleet))?.generation).toBe(2);
    expect(eventsOf(fleet)).not.toHaveProperty('theftDetected');
  });

  it('go on however many answers in a row are lost, and however long that takes', async () => {
    const fleet = await startFleet({ instances });
    const token = refreshTokenOf(await logIn(fleet.first));
    for (const waitMs of [0, 1, GRACE_PERIOD_MS, HOUR_MS, 99 * 24 * HOUR_MS]) {
      fleet.clock.advanceMs(waitMs);
      expect(statusesOf(await refreshAtOnce(fleet, [token, token]))).toEqual([200]);
    }
    const answer = await refresh(fleet.first, token);
    await use(fleet.first, answer);
    fleet.clock.advanceMs(3 * GRACE_PERIOD_MS);
    expect((await refresh(fleet.first, tokenOf(answer))).status).toBe(200);
    expect(eventsOf(fleet)).toMatchObject({ refreshed: 2 });
  });

  it('whose answers arrive out of order leave the client with a token that is good', async () => {
    const fleet = await startFleet({ instances });
    const token = refreshTokenOf(await logIn(fleet.first));
    const [earlier, later] = await refreshAtOnce(fleet, [token, token]);
    if (earlier === undefined || later === undefined) throw new Error('no answers');
    // The later one arrived first and was used; then the earlier one took its place.
    await use(fleet.first, later);
    fleet.clock.advanceMs(GRACE_PERIOD_MS - 1);
    expect((await refresh(fleet.first, tokenOf(earlier))).status).toBe(200);
    fleet.clock.advanceMs(2 * GRACE_PERIOD_MS + 1);
    const rotated = await refresh(fleet.first, tokenOf(earlier));
    expect(rotated.status).toBe(200);
    expect((await rowOf(fleet))?.generation).toBe(2);
  });

  it('of a spent token are answered until a grace period after its successor was used, and are theft from then on', async () => {
    const fleet = await startFleet({ instances });
    const token = refreshTokenOf(await logIn(fleet.first));
    await use(fleet.first, await refresh(fleet.first, token));
    fleet.clock.advanceMs(GRACE_PERIOD_MS - 1);
    expect((await refresh(fleet.first, token)).status).toBe(200);
    fleet.clock.advanceMs(1);
    const answer = await refresh(fleet.first, token);
    expect(answer.json).toEqual({
      statusCode: 401,
      code: 'TOKEN_THEFT_DETECTED',
      message: 'token theft detected',
    });
    expect(await rowOf(fleet)).toBeUndefined();
  });

  it('of a spent token that are replayed many times at once are one theft', async () => {
    const fleet = await startFleet({ instances });
    const token = refreshTokenOf(await logIn(fleet.first));
    const answer = await refresh(fleet.first, token);
    await use(fleet.first, answer);
    fleet.clock.advanceMs(GRACE_PERIOD_MS);
    const answers = await refreshAtOnce(fleet, Array<string>(20).fill(token));
    expect(statusesOf(answers)).toEqual([401]);
    expect(eventsOf(fleet)).toMatchObject({ theftDetected: 1, revoked: 1 });
    expect((await refresh(fleet.first, tokenOf(answer))).status).toBe(401);
    expect(eventsOf(fleet)).toMatchObject({ theftDetected: 1 });
  });

  it('by two at once with a grace period of zero are one rotation and one theft', async () => {
    const fleet = await startFleet({ instances, sessions: { refreshGracePeriod: 0 } });
    const token = refreshTokenOf(await logIn(fleet.first));
    const next = await refresh(fleet.first, token);
    const further = await refresh(fleet.first, tokenOf(next));
    expect([next.status, further.status]).toEqual([200, 200]);
    expect((await rowOf(fleet))?.generation).toBe(2);
    const answers = await refreshAtOnce(fleet, Array<string>(2).fill(tokenOf(further)));
    expect(statusesOf(answers).toSorted((a, b) => a - b)).toEqual([200, 401]);
    expect(eventsOf(fleet)).toMatchObject({ refreshed: 3, theftDetected: 1 });
    expect(await rowOf(fleet)).toBeUndefined();
  });

  it('of a token that is ahead of its row, as after a restored backup, log out and are no theft', async () => {
    const fleet = await startFleet({ instances: 1 });
    const token = refreshTokenOf(await logIn(fleet.first));
    const row = await rowOf(fleet);
    const next = await refresh(fleet.first, token);
    const store = fleet.first.app.get(SessionStore);
    await store.deleteAll([row?.handle ?? '']);
    if (row !== undefined) await store.insert(row);
    expect((await refresh(fleet.first, tokenOf(next))).json).toEqual({
      statusCode: 401,
      code: 'UNAUTHORISED',
      message: 'unauthorised',
    });
    expect(eventsOf(fleet)).not.toHaveProperty('theftDetected');
    expect(await rowOf(fleet)).toEqual(row);
  });

  // MariaDB can't say what an UPDATE has changed: there each reads first.
  if (engine === 'mariadb') return;

  it('of one token that come together try to rotate once, and share what they read then', async () => {
    const log = new StatementLog();
    const { first } = await startFleet({
      sessions: { revocation: { pollInterval: '1h', maxStaleness: false } },
      driver: { logging: true, logger: log },
    });
    const token = refreshTokenOf(await logIn(first));
    const from = log.length;
    await Promise.all(
      Array.from({ length: PARALLEL }, () =>
        first.sessions.refreshSessionWithoutRequestResponse(token),
      ),
    );
    const sent = (verb: string): number =>
      log.since(from).filter(({ sql }) => sql.startsWith(verb)).length;
    expect(sent('UPDATE')).toBe(1);
    // A statement takes up to 32; SQLite answers at once, so that nothing is shared.
    expect(sent('SELECT')).toBe(engine === 'sqlite' ? PARALLEL - 1 : 2);
  });
});
