import { Controller, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BooleanClaim, VerifySession } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { holderOf, refreshCookie, Scene } from '../support/scene.js';

const terms = new BooleanClaim({ key: 'terms', fetchValue: () => false });
const secondFactor = new BooleanClaim({ key: 'second-factor', fetchValue: () => false });

@Controller('auth')
class OwnRefreshController {
  @Post('session/refresh')
  @VerifySession({ overrideGlobalClaimValidators: () => [secondFactor.validators.isTrue()] })
  refresh(): object {
    return { own: true };
  }
}

describe.each(platforms)('a guard on the refresh path on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [OwnRefreshController],
      sessions: {
        routes: { refresh: false },
        claims: [terms, secondFactor],
        globalClaimValidators: [terms.validators.isTrue()],
      },
    }).catch((error: unknown) => Promise.reject(error as Error));
  });
  afterAll(() => scene.close());

  it('refuses a session that fails the route’s own validators, and does not ask the global ones', async () => {
    const holder = await scene.login('u1');
    const answer = await scene.refresh(refreshCookie(holder.refresh));
    expect([answer.status, answer.json]).toMatchObject([
      403,
      { claimValidationErrors: [{ id: 'second-factor' }] },
    ]);
    expect(holderOf(answer).handle).toBe(holder.handle);
  });
});
