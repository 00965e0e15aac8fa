import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, Injectable } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { getSessionsToken, SessionModule, SessionService } from '../../lib/index.js';
import { actingAs, FakeClock } from '../../lib/testing/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import {
  CurrentSession,
  getVerificationToken,
  InjectVerification,
  SessionConfigurationError,
  SessionGuard,
  SessionVerification,
  SessionVerifierModule,
  VerifySession,
  type ReadonlySession,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { freePort } from '../support/free-port.js';
import { send } from '../support/http-client.js';
import { bearer, type Headers } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

const SERVICES_PAGE = readFileSync(join(import.meta.dirname, '../../docs/services.md'), 'utf8');
const STAFF_SECRET = 'c3RhZmYgc3RhZmYgc3RhZmYgc3RhZmYgc3RhZmYgc3Q=';
const STAFF_ISSUER = `${ISSUER}/staff`;

const tell = (session: ReadonlySession): object => ({
  userId: session.getUserId(),
  audience: session.getAccessTokenPayload()['aud'] ?? null,
});

@Controller()
class ShopController {
  @Get('shop')
  @VerifySession()
  shop(@CurrentSession() session: ReadonlySession): object {
    return tell(session);
  }

  @Get('bare')
  bare(@CurrentSession() session: ReadonlySession): object {
    return tell(session);
  }
}

@Controller('office')
@VerifySession({ kind: 'staff' })
class OfficeController {
  @Get()
  office(@CurrentSession() session: ReadonlySession): object {
    return tell(session);
  }
}

@Controller()
class ErrandsController {
  @MessagePattern('shop')
  @VerifySession()
  shop(@CurrentSession() session: ReadonlySession): object {
    return tell(session);
  }

  @MessagePattern('office')
  @VerifySession({ kind: 'staff' })
  office(@CurrentSession() session: ReadonlySession): object {
    return tell(session);
  }
}

@WebSocketGateway({ path: '/office' })
@VerifySession({ kind: 'staff' })
class OfficeGateway {
  @SubscribeMessage('who')
  who(@CurrentSession() session: ReadonlySession): object {
    return { event: 'you', data: session.getUserId() };
  }
}

@Injectable()
class Desk {
  constructor(
    readonly customers: SessionVerification,
    @InjectVerification('staff') readonly staff: SessionVerification,
  ) {}
}

describe.each(platforms)('a service that verifies two kinds of sessions on %s', (platform) => {
  const clock = new FakeClock();
  let issuer: BootedApp;
  let service: BootedVerifier | undefined;

  beforeEach(async () => {
    const revocation = { pollInterval: '1h', maxStaleness: '1d' } as const;
    const routes = (secret: string) => ({ revocations: { secrets: [secret] } });
    issuer = await bootApp({
      clock,
      sessions: { issuer: ISSUER, revocation, routes: routes(FEED_SECRET) },
      imports: [
        SessionModule.forRoot({
          kind: 'staff',
          issuer: STAFF_ISSUER,
          revocation,
          routes: routes(STAFF_SECRET),
        }),
      ],
    });
  });
  afterEach(async () => {
    await service?.close();
    service = undefined;
    await issuer.close();
  });

  const ofCustomers = (): SessionVerifierOptions => ({
    issuer: ISSUER,
    url: `${issuer.url}/auth`,
    revocations: { secret: FEED_SECRET, pollInterval: '50ms', maxStaleness: '1d' },
    cookies: true,
  });
  const ofStaff = (): SessionVerifierOptions & { kind: string } => ({
    kind: 'staff',
    issuer: STAFF_ISSUER,
    url: `${issuer.url}/auth/staff`,
    revocations: { secret: STAFF_SECRET, pollInterval: '50ms', maxStaleness: '1d' },
    cookies: true,
  });

  async function boot(
    more: Partial<Parameters<typeof bootVerifier>[0]> = {},
  ): Promise<BootedVerifier> {
    service = await bootVerifier({
      platform,
      clock,
      options: ofCustomers(),
      imports: [SessionVerifierModule.forRoot(ofStaff())],
      controllers: [ShopController, OfficeController],
      ...more,
    });
    return service;
  }

  const sessions = (kind: 'customers' | 'staff'): SessionService =>
    kind === 'staff'
      ? issuer.app.get<SessionService>(getSessionsToken('staff'))
      : issuer.app.get(SessionService);

  async function logIn(kind: 'customers' | 'staff') {
    clock.advanceMs(2);
    const session = await sessions(kind).createNewSessionWithoutRequestResponse('public', '1');
    clock.advanceMs(2);
    return { access: session.getAccessToken(), handle: session.getHandle() };
  }

  const ask = async (path: string, headers: Headers) => {
    const { status, json } = await send(`${service?.url}/${path}`, 'GET', { headers });
    return status === 200 ? json : status;
  };

  it('VF16: never lets one of the one kind pass for one of the other', async () => {
    await boot({ providers: [{ provide: APP_GUARD, useExisting: SessionGuard }, Desk] });
    const [customer, clerk] = [await logIn('customers'), await logIn('staff')];
    for (const path of ['shop', 'bare']) {
      expect(await ask(path, bearer(customer.access))).toEqual({ userId: '1', audience: null });
      expect(await ask(path, bearer(clerk.access))).toBe(401);
    }
    expect(await ask('office', bearer(clerk.access))).toEqual({ userId: '1', audience: 'staff' });
    expect(await ask('office', bearer(customer.access))).toBe(401);
    const both = { cookie: `sAccessToken=${customer.access}; staff-sAccessToken=${clerk.access}` };
    expect(await ask('shop', both)).toEqual({ userId: '1', audience: null });
    expect(await ask('office', both)).toEqual({ userId: '1', audience: 'staff' });
    const swapped = {
      cookie: `sAccessToken=${clerk.access}; staff-sAccessToken=${customer.access}`,
    };
    expect(await ask('shop', swapped)).toBe(401);
    expect(await ask('office', swapped)).toBe(401);
  });

  it('reads the cookies of one kind alone by the name that docs/services.md gives', async () => {
    const [, name = ''] =
      /`cookies: \{ names: \{ accessToken: '([\w-]+)' \} \}`/.exec(SERVICES_PAGE) ?? [];
    const { kind: audience, ...options } = ofStaff();
    const cookies = { names: { accessToken: name } };
    await boot({
      options: { ...options, audience, cookies },
      imports: [],
      controllers: [ShopController],
    });
    clock.advanceMs(2);
    const { cookie } = await actingAs(issuer.app, '1', { kind: audience });
    expect(await ask('shop', { cookie })).toEqual({ userId: '1', audience: 'staff' });
  });

  it('VF16: hears of each kind by its own feed alone', async () => {
    await boot();
    const [customer, clerk] = [await logIn('customers'), await logIn('staff')];
    const answers = async () => [
      await ask('shop', bearer(customer.access)),
      await ask('office', bearer(clerk.access)),
    ];
    expect(await answers()).toMatchObject([{ userId: '1' }, { userId: '1' }]);
    await sessions('customers').revokeEverything();
    await expect.poll(answers).toMatchObject([401, { userId: '1' }]);
    await sessions('staff').revokeSession(clerk.handle);
    await expect.poll(answers).toEqual([401, 401]);
    const again = await logIn('customers');
    await sessions('staff').revokeAllSessionsForUser('1');
    await service?.app.get(IssuerFeed).poll();
    expect(await ask('shop', bearer(again.access))).toMatchObject({ userId: '1' });
  });

  it('reads neither feed with the secret of the other, and takes no other’s for its own', async () => {
    const { url, revocations } = ofCustomers();
    const wrongSecret = { ...ofStaff(), revocations } as SessionVerifierOptions;
    const wrongPlace = { ...wrongSecret, ...(url !== undefined && { url }) };
    const clerk = await logIn('staff');
    for (const options of [wrongSecret, wrongPlace]) {
      await boot({ imports: [SessionVerifierModule.forRoot(options)] });
      expect(await ask('office', bearer(clerk.access))).toBe(503);
      await service?.close();
    }
    service = undefined;
  });

  it('has what verifies each by hand', async () => {
    const { app } = await boot({ providers: [Desk] });
    const { customers, staff } = app.get(Desk);
    const [customer, clerk] = [await logIn('customers'), await logIn('staff')];
    expect(app.get(getVerificationToken('staff'))).toBe(staff);
    expect(app.get(SessionVerification)).toBe(customers);
    expect((await staff.verify(clerk.access))?.getHandle()).toBe(clerk.handle);
    expect((await customers.verify(customer.access))?.getHandle()).toBe(customer.handle);
    await expect(customers.verify(clerk.access)).rejects.toMatchObject({
      code: 'TRY_REFRESH_TOKEN',
    });
    await expect(staff.verify(customer.access)).rejects.toMatchObject({
      code: 'TRY_REFRESH_TOKEN',
    });
  });

  it.each([
    ['the guard of the whole application', [{ provide: APP_GUARD, useExisting: SessionGuard }]],
    ['the guards of its handlers', []],
  ])('hears the messages of each kind by %s', async (_, providers) => {
    const port = await freePort();
    const address = { transport: Transport.TCP, options: { host: '127.0.0.1', port } } as const;
    const messages = { token: (data: unknown) => (data as { token?: string }).token };
    await boot({
      options: { ...ofCustomers(), messages },
      imports: [SessionVerifierModule.forRoot({ ...ofStaff(), messages })],
      controllers: [ErrandsController],
      providers,
      prepare: async (app) => {
        app.connectMicroservice(address, { inheritAppConfig: true });
        await app.startAllMicroservices();
      },
    });
    const client = ClientProxyFactory.create(address);
    const call = (pattern: string, token: string): Promise<unknown> =>
      firstValueFrom(client.send<unknown>(pattern, { token }));
    const [customer, clerk] = [await logIn('customers'), await logIn('staff')];
    expect(await call('shop', customer.access)).toEqual({ userId: '1', audience: null });
    expect(await call('office', clerk.access)).toEqual({ userId: '1', audience: 'staff' });
    const refused = { code: 'TRY_REFRESH_TOKEN' };
    await expect(call('shop', clerk.access)).rejects.toMatchObject(refused);
    await expect(call('office', customer.access)).rejects.toMatchObject(refused);
    await client.close();
  });

  it('ends the sockets of a kind with its sessions', async () => {
    await boot({
      providers: [OfficeGateway],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    const clerk = await logIn('staff');
    const client = await WsTestClient.open(String(service?.url), 'office', bearer(clerk.access));
    expect(await client.ask('who')).toEqual(['you', '1']);
    await sessions('customers').revokeEverything();
    await service?.app.get(IssuerFeed).poll();
    expect(await client.ask('who')).toEqual(['you', '1']);
    await sessions('staff').revokeSession(clerk.handle);
    expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
    const stranger = await WsTestClient.open(String(service?.url), 'office', {});
    expect(await stranger.closed).toEqual([4401, 'UNAUTHORISED']);
  });

  it.each([
    [
      'without a kind',
      {},
      "Give one a `kind`: SessionVerifierModule.forRoot({ kind: 'staff', … })",
    ],
    ['of one kind', { kind: 'staff' }, 'Two modules verify the kind of sessions staff.'],
  ])('does not start with two modules %s', async (_, kind, message) => {
    const again = { ...ofCustomers(), ...kind };
    const starting = boot({
      imports: [SessionVerifierModule.forRoot(ofStaff()), SessionVerifierModule.forRoot(again)],
    });
    await expect(starting).rejects.toThrow(message);
    await expect(starting).rejects.toThrow(SessionConfigurationError);
  });

  it('takes the name of a kind from beside a factory, and refuses one that is none', async () => {
    const { kind, ...options } = ofStaff();
    await boot({
      imports: [SessionVerifierModule.forRootAsync({ kind, useFactory: () => options })],
    });
    const clerk = await logIn('staff');
    expect(await ask('office', bearer(clerk.access))).toMatchObject({ audience: 'staff' });
    expect(() => SessionVerifierModule.forRoot({ ...options, kind: 'Staff!' })).toThrow(
      'SessionVerifierModule cannot start:\n- `kind` must be a name of up to 32 lower-case letters',
    );
  });
});
