import { ValidationPipe, Controller, Get } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionContainer, VerifySession } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { accessCookie, Scene, type Headers } from '../support/scene.js';

@Controller('piped')
class PipedController {
  @Get('optional')
  @VerifySession({ sessionRequired: false })
  optional(@CurrentSession() session?: SessionContainer): object {
    return { isThere: session !== undefined, userId: session?.getUserId() ?? null };
  }

  @Get('required')
  @VerifySession()
  required(
    @CurrentSession() session: SessionContainer,
    @CurrentSession('sub') userId: string,
  ): object {
    return { isOwn: session instanceof SessionContainer, handle: session.getHandle(), userId };
  }
}

describe.each(
  platforms.flatMap((platform) =>
    [
      { transform: true },
      { transform: false },
      { transform: true, whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true },
    ].map((options) => [options, platform] as const),
  ),
)('a pipe that validates custom decorators, with %j on %s', (options, platform) => {
  let scene: Scene;
  let user: Headers;
  let handle: string;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [PipedController],
      prepare: (app) =>
        void app.useGlobalPipes(new ValidationPipe({ validateCustomDecorators: true, ...options })),
    });
    const holder = await scene.login('u1');
    user = accessCookie(holder.access);
    handle = holder.handle;
  });
  afterAll(() => scene.close());

  it('V20: leaves a handler without a session where the request shows none', async () => {
    const answer = await scene.get('/piped/optional');
    expect([answer.status, answer.json]).toEqual([200, { isThere: false, userId: null }]);
  });

  it('leaves the session as it is', async () => {
    const optional = await scene.get('/piped/optional', user);
    expect(optional.json).toEqual({ isThere: true, userId: 'u1' });
    const required = await scene.get('/piped/required', user);
    expect(required.json).toEqual({ isOwn: true, handle, userId: 'u1' });
  });

  it('breaks none of the routes that the module has', async () => {
    expect((await scene.get('/auth/sessions', user)).status).toBe(200);
  });
});

describe('a session that somebody else makes', () => {
  it('is none: its class makes no object', () => {
    const Made = SessionContainer as unknown as new (...parts: unknown[]) => SessionContainer;
    expect(() => new Made()).toThrow(TypeError);
    expect(() => new Made({ claims: { sub: 'u1' } }, undefined, {})).toThrow(TypeError);
    expect(() => plainToInstance(Made, {})).toThrow(TypeError);
  });
});
