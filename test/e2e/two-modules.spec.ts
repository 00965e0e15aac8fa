import { Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionGuard,
  SessionModule,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { loginAs } from '../support/login.controller.js';

const STAFF_COOKIES = ['staffAccess', 'staffRefresh'];

@Controller()
class ShopController extends loginAs('customer') {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }
}

@Controller('staff')
class StaffController extends loginAs('clerk') {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('guest')
  @VerifySession({ sessionRequired: false })
  guest(@CurrentSession() session: SessionContainer | undefined): object {
    return { userId: session?.getUserId() ?? null };
  }

  @Get('shut')
  @VerifySession()
  shut(): never {
    throw new UnauthorizedSessionException();
  }
}

@Module({
  imports: [
    SessionModule.forRoot({
      isGlobal: false,
      audience: 'staff',
      apiBasePath: '/staff/auth',
      cookie: { names: { accessToken: 'staffAccess', refreshToken: 'staffRefresh' } },
    }),
  ],
  controllers: [StaffController],
})
class StaffModule {}

describe.each(platforms)('two modules in one application, on %s', (platform) => {
  let booted: BootedApp;
  let client: HttpClient;

  beforeEach(async () => {
    booted = await bootApp({
      platform,
      imports: [StaffModule],
      controllers: [ShopController],
      providers: [{ provide: APP_GUARD, useClass: SessionGuard }],
    });
    client = booted.client();
  });
  afterEach(() => booted.close());

  it('never let a customer pass for one of the staff', async () => {
    await client.post('/login');
    expect((await client.get('/me')).json).toEqual({ userId: 'customer' });
    expect((await client.get('/staff/me')).status).toBe(401);
    expect((await client.get('/staff/guest')).json).toEqual({ userId: null });
  });

  it('give each handler the session of its own module', async () => {
    await client.post('/login');
    await client.post('/staff/login');
    expect((await client.get('/me')).json).toEqual({ userId: 'customer' });
    expect((await client.get('/staff/me')).json).toEqual({ userId: 'clerk' });
    expect((await client.get('/staff/guest')).json).toEqual({ userId: 'clerk' });
  });

  it('answer a refusal by the module that refuses, and leave the other session alone', async () => {
    await client.post('/login');
    await client.post('/staff/login');
    const shut = await client.get('/staff/shut');
    expect(shut.status).toBe(401);
    const cleared = shut.setCookies.map((line) => String(line.split('=', 1)[0]));
    expect(cleared.toSorted()).toEqual(STAFF_COOKIES);
    expect((await client.get('/me')).json).toEqual({ userId: 'customer' });
    expect((await client.get('/staff/me')).status).toBe(401);
  });
});
