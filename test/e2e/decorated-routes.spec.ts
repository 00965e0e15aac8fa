import {
  ForbiddenException,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import { currentSession, SessionModule, type SessionModuleExtras } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { LoginController } from '../support/login.controller.js';

/** As `@SkipThrottle()` is: what a guard of the whole application reads. */
const Unthrottled = () => SetMetadata('unthrottled', true);

class Throttler implements CanActivate {
  private readonly reflector = new Reflector();

  canActivate(context: ExecutionContext): boolean {
    const targets = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<boolean | undefined>('unthrottled', targets) === true;
  }
}

const audited: string[] = [];

class Audit implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>) {
    const { method } = context.switchToHttp().getRequest<{ method: string }>();
    audited.push(`${method} by ${currentSession(context)?.getUserId()}`);
    return next.handle();
  }
}

class NotMallory implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (currentSession(context)?.getUserId() === 'mallory') throw new ForbiddenException();
    return true;
  }
}

describe.each(platforms)("decorators on the module's own routes on %s", (platform) => {
  let booted: BootedApp | undefined;
  afterEach(async () => {
    await booted?.close();
    audited.length = 0;
  });

  it('reach each route by its name, and no other', async () => {
    const decorators = [Unthrottled()];
    booted = await bootApp({
      platform,
      sessions: { routes: { refresh: { decorators }, jwks: { decorators } } },
      providers: [{ provide: APP_GUARD, useClass: Throttler }],
    });
    const client = booted.client();
    expect((await client.get('/auth/jwt/jwks.json')).status).toBe(200);
    expect((await client.post('/auth/session/refresh')).status).toBe(401);
    expect((await client.post('/auth/signout')).status).toBe(403);
  });

  it('see the session on the list of sessions, where guards come after the own one', async () => {
    const sessionList = {
      requireFresh: '10m',
      decorators: [UseGuards(NotMallory), UseInterceptors(Audit)],
    } as const;
    booted = await bootApp({
      platform,
      controllers: [LoginController],
      sessions: { routes: { sessionList } },
    });
    const [ada, mallory] = [booted.client(), booted.client()];
    await ada.post('/login', { userId: 'ada' });
    await mallory.post('/login', { userId: 'mallory' });
    expect((await ada.get('/auth/sessions')).status).toBe(200);
    expect((await mallory.get('/auth/sessions')).status).toBe(403);
    expect((await mallory.send('DELETE', '/auth/sessions')).status).toBe(403);
    expect((await ada.send('DELETE', '/auth/sessions')).status).toBe(200);
    booted.clock.advanceMs(11 * 60_000);
    expect((await ada.send('DELETE', '/auth/sessions')).status).toBe(403);
    expect(audited).toEqual(['GET by ada', 'DELETE by ada']);
  });
});

describe('the decorators of a route', () => {
  it.each([
    [{ refresh: { decorators: SetMetadata('a', 1) } }, '`routes.refresh.decorators`'],
    [{ signOut: { decorators: ['SkipThrottle'] } }, '`routes.signOut.decorators`'],
    [{ jwks: { decorator: [] } }, 'Unknown option `routes.jwks.decorator`'],
    [{ all: { decorators: [] } }, 'Unknown option `routes.all`'],
    [{ sessionList: 'yes' }, '`routes.sessionList`'],
  ])('are refused at once as %o', (routes, problem) => {
    const extras = { routes } as unknown as SessionModuleExtras;
    expect(() => SessionModule.forRoot(extras)).toThrow(problem);
  });
});
