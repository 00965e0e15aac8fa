import { Controller, type INestMicroservice } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PublicAccess,
  SessionGuard,
  SessionModule,
  SessionService,
  VerifySession,
} from '../../lib/index.js';
import { freePort } from '../support/free-port.js';

const UNAUTHORISED = {
  status: 'error',
  statusCode: 401,
  code: 'UNAUTHORISED',
  message: 'unauthorised',
};

@Controller()
class Orders {
  constructor(private readonly sessions: SessionService) {}

  @MessagePattern('open')
  @PublicAccess()
  open(): object {
    return { ok: true };
  }

  @MessagePattern('by-hand')
  @PublicAccess()
  async byHand(@Payload() { token }: { token: string }): Promise<object> {
    const session = await this.sessions.getSessionWithoutRequestResponse(token);
    return { userId: session?.getUserId() };
  }

  @MessagePattern('guarded')
  @VerifySession()
  guarded(): object {
    return { secret: true };
  }

  @MessagePattern('undecorated')
  undecorated(): object {
    return { secret: true };
  }
}

describe('an application that is a microservice alone, over TCP', () => {
  let service: INestMicroservice;
  let client: ClientProxy;

  beforeEach(async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          synchronize: true,
          autoLoadEntities: true,
        }),
        SessionModule.forRoot(),
      ],
      controllers: [Orders],
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    }).compile();
    service = testing.createNestMicroservice({
      transport: Transport.TCP,
      options,
      logger: false,
    });
    await service.listen();
    client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  });
  afterEach(async () => {
    await client.close();
    await service.close();
  });

  const ask = (pattern: string, data: object = {}): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, data)).catch((error: unknown) => error);

  it('verifies the tokens of its messages by hand, and is answered with our error', async () => {
    const session = await service
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'u1');
    const token = session.getAccessToken();
    expect(await ask('by-hand', { token })).toEqual({ userId: 'u1' });
    await session.revokeSession();
    expect(await ask('by-hand', { token })).toMatchObject({ statusCode: 401 });
    expect(await ask('by-hand', { token: 'garbage' })).toEqual(UNAUTHORISED);
  });

  it('reaches the open handlers with APP_GUARD, and no other without a session', async () => {
    expect(await ask('open')).toEqual({ ok: true });
    for (const pattern of ['guarded', 'undecorated']) {
      expect(await ask(pattern)).not.toHaveProperty('secret');
    }
  });
});
