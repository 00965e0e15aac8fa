import { Controller, Get } from '@nestjs/common';
import { describe, expect, inject, it } from 'vitest';
import { SessionHealth, VerifySession, type SessionContainer } from '../../lib/index.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { createClusterDatabase, galeraNodes } from '../support/galera-cluster.js';
import { send, type Answer } from '../support/http-client.js';

const SESSIONS = 12;
const WHEN_IT_IS_BACK = { timeout: 60_000, interval: 100 };
const UNTOUCHED = { status: 503, headers: { 'retry-after': '5' }, setCookies: [] };

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): object {
    return {};
  }
}

describe('a node of a Galera cluster', () => {
  const nodes = galeraNodes(inject('cluster'));
  const [, , lost] = nodes;
  if (lost === undefined) throw new Error('no third node');
  const startFleet = useFleets(() => createClusterDatabase(nodes));

  /** An instance on each node, and who is logged in. */
  async function start(): Promise<{ fleet: Fleet; away: Instance; logins: SessionContainer[] }> {
    const fleet = await startFleet({ instances: nodes.length, controllers: [MeController] });
    const [first, , away = first] = fleet.instances;
    const logins = await Promise.all(
      Array.from({ length: SESSIONS }, (_, index) =>
        logIn(fleet.instances[index % nodes.length] ?? fleet.first, `u${index}`),
      ),
    );
    for (const login of logins)
      expect((await get(away ?? fleet.first, 'me', login)).status).toBe(200);
    return { fleet, away: away ?? fleet.first, logins };
  }

  function get({ url }: Instance, path: string, session: SessionContainer): Promise<Answer> {
    const headers = { cookie: `sAccessToken=${session.getAccessToken()}` };
    return send(`${url}/${path}`, 'GET', { headers });
  }

  function refresh({ url }: Instance, session: SessionContainer): Promise<Answer> {
    const headers = { cookie: `sRefreshToken=${refreshTokenOf(session)}` };
    return send(`${url}/auth/session/refresh`, 'POST', { headers });
  }

  /** Asks again while the answer is 503, as clients do. */
  async function persist(ask: () => Promise<Answer>): Promise<Answer> {
    const answers: Answer[] = [];
    await expect
      .poll(async () => answers[answers.push(await ask()) - 1]?.status, WHEN_IT_IS_BACK)
      .not.toBe(503);
    const [last] = answers.slice(-1);
    if (last === undefined) throw new Error('no answer');
    return last;
  }

  async function expectAllAlive(fleet: Fleet, logins: readonly SessionContainer[]): Promise<void> {
    for (const instance of fleet.instances) {
      for (const login of logins) {
        expect(await persist(() => refresh(instance, login))).toMatchObject({ status: 200 });
      }
    }
    expect(fleet.instances.flatMap(({ events }) => events)).not.toContain('theftDetected');
  }

  it.each([
    ['that is stopped', () => lost.stop(), () => lost.start()],
    ['that is killed', () => lost.kill(), () => lost.start()],
    ['that is cut off from the others', () => lost.isolate(), () => lost.rejoin()],
  ])(
    '%s is an outage for its instances alone, which ends by itself',
    async (_, leave, comeBack) => {
      const { fleet, away, logins } = await start();
      const [ended, ...others] = logins;
      const [stranger] = others;
      if (ended === undefined || stranger === undefined) throw new Error('no login');
      await leave();

      for (const answer of [
        await refresh(away, stranger),
        await get(away, 'strict', stranger),
        await send(`${away.url}/auth/signout`, 'POST', {
          headers: {
            cookie: `sAccessToken=${stranger.getAccessToken()}; sRefreshToken=${refreshTokenOf(stranger)}`,
          },
        }),
      ]) {
        expect(answer).toMatchObject(UNTOUCHED);
      }
      await expect(logIn(away)).rejects.toMatchObject({ status: 503 });
      expect(await get(away, 'me', stranger)).toMatchObject({ status: 200 });
      expect(await away.app.get(SessionHealth).check()).toMatchObject({ status: 'down' });

      expect(await persist(() => refresh(fleet.first, stranger))).toMatchObject({ status: 200 });
      const revoke = () => fleet.first.sessions.revokeSession(ended.getHandle());
      await expect.poll(() => revoke().catch(() => false), WHEN_IT_IS_BACK).toBe(true);

      await comeBack();
      expect(await persist(() => refresh(away, ended))).toMatchObject({ status: 401 });
      await expectAllAlive(fleet, others);
      await expect
        .poll(async () => (await get(away, 'me', ended)).status, WHEN_IT_IS_BACK)
        .toBe(401);
      expect(await away.app.get(SessionHealth).check()).toMatchObject({ status: 'up' });
    },
  );

  it('that is killed in the midst of refreshes costs nobody the session', async () => {
    const { fleet, away, logins } = await start();
    const storm = logins.map((login) => refresh(away, login).catch(() => undefined));
    await Promise.race(storm);
    await lost.kill();
    await Promise.all(
      logins.map(async (login, index) => {
        const answer = await storm[index];
        expect([200, 503, undefined]).toContain(answer?.status);
        expect(await persist(() => refresh(fleet.first, login))).toMatchObject({ status: 200 });
      }),
    );
    await lost.start();
    await expectAllAlive(fleet, logins);
  });
});
