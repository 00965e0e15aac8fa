import { Controller, Get, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  InvalidClaimsException,
  TokenTheftDetectedException,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  VerifySession,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectAnswer, expectRefused, expectTokensUntouched } from '../support/refusal.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  refreshCookie,
  Scene,
  type Headers,
} from '../support/scene.js';

const EXPIRED = 440;
const INVALID = 460;
const invalidClaims = {
  statusCode: INVALID,
  code: 'INVALID_CLAIMS',
  message: 'invalid claim',
  claimValidationErrors: [
    { id: 'st-role', reason: { message: 'value does not exist', expectedToInclude: ['admin'] } },
  ],
};

@Controller()
class StatusController {
  @Get('roles')
  @VerifySession({ roles: ['admin'] })
  roles(): string {
    return 'roles';
  }

  @Post('failed-login')
  @CreateSession()
  failedLogin(): null {
    return null;
  }

  @Get('throws/unauthorised')
  unauthorised(): void {
    throw new UnauthorizedSessionException();
  }

  @Get('throws/try-refresh')
  tryRefresh(): void {
    throw new TryRefreshTokenException();
  }

  @Get('throws/theft')
  theft(): void {
    throw new TokenTheftDetectedException('handle', 'user');
  }

  @Get('throws/invalid')
  invalid(): void {
    throw new InvalidClaimsException([{ id: 'x' }]);
  }

  @Get('throws/own-status')
  ownStatus(): void {
    throw new UnauthorizedSessionException({ status: 418 });
  }
}

describe.each(platforms)('the statuses of the options on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      sessions: { sessionExpiredStatusCode: EXPIRED, invalidClaimStatusCode: INVALID },
      controllers: [StatusController],
    });
  });
  afterAll(() => scene.close());

  const unauthorised = {
    status: EXPIRED,
    body: { statusCode: EXPIRED, code: 'UNAUTHORISED', message: 'unauthorised' },
  };
  const tryRefresh = {
    status: EXPIRED,
    body: { statusCode: EXPIRED, code: 'TRY_REFRESH_TOKEN', message: 'try refresh token' },
  };
  const theft = {
    status: EXPIRED,
    body: { statusCode: EXPIRED, code: 'TOKEN_THEFT_DETECTED', message: 'token theft detected' },
  };

  it('hold for what the guard refuses', async () => {
    const { access } = await scene.login('u1');
    await expectRefused(scene, () => scene.get('/me'), unauthorised);
    await expectRefused(scene, () => scene.get('/me', accessCookie('x')), tryRefresh);
    const evil: Headers = { ...accessCookie(access), 'sec-fetch-site': 'cross-site' };
    await expectRefused(scene, () => scene.post('/act', evil), tryRefresh);
    const roles = () => scene.get('/roles', accessCookie(access));
    await expectRefused(scene, roles, { status: INVALID, body: invalidClaims });
  });

  it('hold for what a refresh and a sign-out refuse', async () => {
    const first = await scene.login('u2');
    await expectRefused(scene, () => scene.refresh(), unauthorised);
    await expectRefused(scene, () => scene.refresh(refreshCookie('x')), unauthorised);
    const evil: Headers = { ...bothCookies(first), origin: 'https://evil.example' };
    await expectRefused(scene, () => scene.refresh(evil), unauthorised);
    await expectRefused(scene, () => scene.post('/auth/signout', evil), unauthorised);
    const second = holderOf(await scene.refresh(refreshCookie(first.refresh)));
    await scene.get('/me', accessCookie(second.access));
    await scene.settle();
    await scene.advance(30_000);
    expectAnswer(await scene.refresh(refreshCookie(first.refresh)), theft);
  });

  it('hold for what a handler throws without a status of its own', async () => {
    expectAnswer(await scene.get('/throws/unauthorised'), unauthorised);
    expectAnswer(await scene.get('/throws/try-refresh'), tryRefresh);
    expectAnswer(await scene.get('/throws/theft'), theft);
    expectAnswer(await scene.get('/throws/invalid'), {
      status: INVALID,
      body: {
        statusCode: INVALID,
        code: 'INVALID_CLAIMS',
        message: 'invalid claim',
        claimValidationErrors: [{ id: 'x' }],
      },
    });
    expectAnswer(await scene.get('/throws/own-status'), {
      status: 418,
      body: { ...unauthorised.body, statusCode: 418 },
    });
  });

  it('do not make a failed login look like an expired session, which clients would refresh', async () => {
    const answer = await scene.post('/failed-login');
    expectAnswer(answer, {
      status: 401,
      body: { ...unauthorised.body, statusCode: 401 },
    });
    expectTokensUntouched(answer);
  });

  it('are refused at start where they are the same', async () => {
    const sessions = { sessionExpiredStatusCode: 403 };
    await expect(Scene.open({ platform, sessions })).rejects.toThrow(/invalidClaimStatusCode/);
  });
});
