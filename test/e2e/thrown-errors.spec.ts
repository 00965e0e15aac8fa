import {
  Catch,
  Controller,
  ForbiddenException,
  Get,
  Post,
  Req,
  Res,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidClaimsException,
  SessionException,
  SessionService,
  TokenTheftDetectedException,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  VerifySession,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import {
  CLEARED_COOKIES,
  expectAnswer,
  expectTokensCleared,
  expectTokensUntouched,
  THEFT,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import { accessCookie, bothCookies, Scene, type Holder } from '../support/scene.js';

@Controller('throws')
class ThrowingController {
  constructor(private readonly sessions: SessionService) {}

  @Get('unauthorised')
  unauthorised(): void {
    throw new UnauthorizedSessionException();
  }

  @Get('unauthorised-but-keep')
  keep(): void {
    throw new UnauthorizedSessionException({ clearTokens: false });
  }

  @Get('try-refresh')
  tryRefresh(): void {
    throw new TryRefreshTokenException();
  }

  @Get('theft')
  theft(): void {
    throw new TokenTheftDetectedException('handle', 'user');
  }

  @Get('invalid-claims')
  invalidClaims(): void {
    throw new InvalidClaimsException([{ id: 'age', reason: { message: 'too young' } }]);
  }

  @Get('forbidden')
  forbidden(): void {
    throw new ForbiddenException('no');
  }

  @Post('after-login')
  async afterLogin(@Req() request: object, @Res({ passthrough: true }) response: object) {
    await this.sessions.createNewSession(request, response, 'public', 'u9');
    throw new UnauthorizedSessionException();
  }

  @Post('caught')
  async caught(@Req() request: object, @Res({ passthrough: true }) response: object) {
    const outcome: unknown = await this.sessions
      .refreshSession(request, response)
      .catch((error: unknown) => error);
    return { code: outcome instanceof SessionException ? outcome.code : 'none' };
  }

  @Get('own-filter')
  @VerifySession()
  guarded(): string {
    return 'guarded';
  }
}

describe.each(platforms)('an error that a handler throws on %s', (platform) => {
  let scene: Scene;
  let holder: Holder;
  beforeAll(async () => {
    scene = await Scene.open({ platform, controllers: [ThrowingController] });
    holder = await scene.login('u1');
  });
  afterAll(() => scene.close());

  const get = (path: string) => scene.get(`/throws/${path}`, bothCookies(holder));

  it('clears the tokens of both methods with "unauthorised", unless it says otherwise', async () => {
    const answer = await get('unauthorised');
    expectAnswer(answer, UNAUTHORISED);
    expectTokensCleared(answer);
    const kept = await get('unauthorised-but-keep');
    expectAnswer(kept, UNAUTHORISED);
    expectTokensUntouched(kept);
  });

  it('clears nothing with "try refresh token"', async () => {
    const answer = await get('try-refresh');
    expectAnswer(answer, TRY_REFRESH);
    expectTokensUntouched(answer);
  });

  it('clears the tokens with "token theft detected", and revokes nothing by itself', async () => {
    const answer = await get('theft');
    expectAnswer(answer, THEFT);
    expectTokensCleared(answer);
    expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(200);
  });

  it('answers 403 with the failing claims, and clears nothing', async () => {
    const answer = await get('invalid-claims');
    expectAnswer(answer, {
      status: 403,
      body: {
        statusCode: 403,
        code: 'INVALID_CLAIMS',
        message: 'invalid claim',
        claimValidationErrors: [{ id: 'age', reason: { message: 'too young' } }],
      },
    });
    expectTokensUntouched(answer);
  });

  it('is the application’s own where it is none of ours', async () => {
    const answer = await get('forbidden');
    expect(answer.json).toEqual({ message: 'no', error: 'Forbidden', statusCode: 403 });
    expectTokensUntouched(answer);
    expect(answer.headers['cache-control']).toBeUndefined();
  });

  it('takes back tokens that the same request has been given', async () => {
    const answer = await scene.post('/throws/after-login');
    expectAnswer(answer, UNAUTHORISED);
    expectTokensCleared(answer);
  });

  it('leaves the response alone where the handler catches it', async () => {
    const dead = await scene.login('u2');
    await scene.booted.app.get(SessionService).revokeSession(dead.handle);
    const answer = await scene.post('/throws/caught', bothCookies(dead));
    expect(answer.json).toEqual({ code: 'UNAUTHORISED' });
    expectTokensUntouched(answer);
  });
});

@Catch()
class OwnFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{
      status(code: number): { send(body: object): void };
    }>();
    const status = error instanceof SessionException ? error.getStatus() : 500;
    response.status(status).send({ own: true });
  }
}

describe.each(platforms)('an application with a filter for everything on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [ThrowingController],
      prepare: (app) => {
        app.useGlobalFilters(new OwnFilter());
      },
    });
  });
  afterAll(() => scene.close());

  it('writes the body of a refusal, and takes nothing of its headers', async () => {
    const holder = await scene.login('u1');
    await scene.booted.app.get(SessionService).revokeSession(holder.handle);
    const answer = await scene.refresh(bothCookies(holder));
    expect([answer.status, answer.json]).toEqual([401, { own: true }]);
    expect(answer.setCookies).toEqual(CLEARED_COOKIES);
    const guarded = await scene.get('/throws/own-filter');
    expect([guarded.status, guarded.headers['cache-control']]).toEqual([401, 'no-store']);
  });
});
