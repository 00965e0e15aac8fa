import { Controller, Get, Param } from '@nestjs/common';
import { expect, it } from 'vitest';
import {
  CurrentSession,
  PrimitiveClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, useFleets, type Fleet } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';
import { bearer } from '../support/scene.js';

const AT_ONCE = 20;

let role = 'user';
const roleClaim = new PrimitiveClaim<string>({ key: 'role', fetchValue: () => role });
const planClaim = new PrimitiveClaim<string>({
  key: 'plan',
  fetchValue: () => 'gold',
  defaultMaxAgeInSeconds: 60,
});

@Controller()
@VerifySession()
class ClaimsController {
  @Get('role')
  role(@CurrentSession() session: SessionContainer): object {
    return { role: session.getClaimValue(roleClaim) };
  }

  @Get('plan')
  @VerifySession({
    overrideGlobalClaimValidators: () => [planClaim.validators.hasValue('gold')],
  })
  plan(): object {
    return {};
  }

  @Get('note/:name')
  async note(
    @CurrentSession() session: SessionContainer,
    @Param('name') name: string,
  ): Promise<object> {
    await session.mergeIntoAccessTokenPayload({ [name]: true });
    return {};
  }
}

describeOnEachDatabase('requests of one session that come at once', (engine) => {
  const startFleet = useFleets(engine);
  const instances = engine === 'sqlite' ? 1 : 2;

  async function begin(): Promise<{ fleet: Fleet; token: string; handle: string }> {
    const fleet = await startFleet({
      instances,
      controllers: [ClaimsController],
      sessions: { claims: [roleClaim, planClaim], revocation: { pollInterval: '1h' } },
    });
    role = 'user';
    const session = await logIn(fleet.first);
    return { fleet, token: session.getAccessToken(), handle: session.getHandle() };
  }

  const askAtOnce = (
    { fleet, token }: { fleet: Fleet; token: string },
    path: (index: number) => string,
  ): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => {
        const { url } = fleet.instances[index % instances] ?? fleet.first;
        return send(`${url}/${path(index)}`, 'GET', { headers: bearer(token) });
      }),
    );
  const all = (status: number) => Array<number>(AT_ONCE).fill(status);

  it('all get the claims that were marked stale', async () => {
    const scene = await begin();
    role = 'admin';
    scene.fleet.clock.advanceMs(1_000);
    await scene.fleet.first.sessions.markClaimsStale('bob');
    for (const { app } of scene.fleet.instances) await app.get(RevocationFeed).poll();
    const answers = await askAtOnce(scene, () => 'role');
    expect(answers.map(({ status }) => status)).toEqual(all(200));
    expect(answers.map(({ json }) => (json as { role: string }).role)).toEqual(
      Array<string>(AT_ONCE).fill('admin'),
    );
    expect(answers.every(({ headers }) => headers['st-access-token'] !== undefined)).toBe(true);
  });

  it('all pass once a claim is too old', async () => {
    const scene = await begin();
    scene.fleet.clock.advanceMs(61_000);
    const answers = await askAtOnce(scene, () => 'plan');
    expect(answers.map(({ status }) => status)).toEqual(all(200));
  });

  it('all keep what they put into the payload', async () => {
    const scene = await begin();
    const answers = await askAtOnce(scene, (index) => `note/n${index}`);
    expect(answers.map(({ status }) => status)).toEqual(all(200));
    const information = await scene.fleet.first.sessions.getSessionInformation(scene.handle);
    const names = Object.keys(information?.customClaimsInAccessTokenPayload ?? {});
    expect(names.filter((name) => /^n\d/.test(name))).toHaveLength(AT_ONCE);
  });
});
