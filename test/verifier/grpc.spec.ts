import { fileURLToPath } from 'node:url';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  status,
  type Client,
  type ClientReadableStream,
  type ClientWritableStream,
  type GrpcObject,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Controller } from '@nestjs/common';
import { GrpcMethod, GrpcStreamMethod, Transport } from '@nestjs/microservices';
import { concat, last, map, NEVER, of, Subject, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { FakeClock } from '../../lib/testing/index.js';
import { CurrentSession, VerifySession, type ReadonlySession } from '../../lib/verifier/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { freePort } from '../support/free-port.js';
import { bootVerifier, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

const protoPath = fileURLToPath(new URL('orders.proto', import.meta.url));
const CODE = 'session-error';

const nothingYet = new Subject<object>();

@Controller()
@VerifySession()
class OrdersController {
  @GrpcMethod('Orders', 'Mine')
  mine(@CurrentSession() session: ReadonlySession): object {
    return { userId: session.getUserId() };
  }

  @GrpcMethod('Orders', 'Admin')
  @VerifySession({ roles: ['admin'] })
  admin(): object {
    return {};
  }

  @GrpcMethod('Orders', 'Watch')
  watch(): Observable<object> {
    return of({ userId: 'watched' });
  }

  @GrpcMethod('Orders', 'Follow')
  follow(): Observable<object> {
    return concat(of({ userId: 'followed' }), NEVER);
  }

  @GrpcMethod('Orders', 'Silent')
  silent(): Observable<object> {
    return nothingYet;
  }

  @GrpcStreamMethod('Orders', 'Upload')
  upload(asked: Observable<object>): Observable<object> {
    return asked.pipe(
      last(),
      map(() => ({ userId: 'uploaded' })),
    );
  }
}

type Told = (error: ServiceError | null, answer?: object) => void;

interface Orders extends Client {
  Mine(asked: object, shown: Metadata, told: Told): void;
  Admin(asked: object, shown: Metadata, told: Told): void;
  Watch(asked: object, shown: Metadata): ClientReadableStream<object>;
  Follow(asked: object, shown: Metadata): ClientReadableStream<object>;
  Silent(asked: object, shown: Metadata): ClientReadableStream<object>;
  Upload(shown: Metadata, told: Told): ClientWritableStream<object>;
}

const CALLS: Record<string, (client: Orders, shown: Metadata, told: Told) => void> = {
  Mine: (client, shown, told) => client.Mine({}, shown, told),
  Admin: (client, shown, told) => client.Admin({}, shown, told),
  Watch: (client, shown, told) => {
    const stream = client.Watch({}, shown);
    stream.on('data', (answer: object) => told(null, answer));
    stream.on('error', (error: ServiceError) => told(error));
  },
  Upload: (client, shown, told) => {
    const stream = client.Upload(shown, told);
    stream.end({});
  },
};

describe('a service without a database that is called by gRPC', () => {
  const clock = new FakeClock();
  const services: BootedVerifier[] = [];
  const clients: Orders[] = [];
  let issuer: BootedApp;
  let token: string;

  const open = async (url: string): Promise<Orders> => {
    const address = `127.0.0.1:${await freePort()}`;
    const service = await bootVerifier({
      clock,
      controllers: [OrdersController],
      options: {
        issuer: ISSUER,
        url,
        revocations: false,
        messages: { token: (_, context) => (context as Metadata).get('authorization')[0] },
      },
      prepare: async (app) => {
        const options = { package: 'orders', protoPath, url: address };
        app.connectMicroservice({ transport: Transport.GRPC, options });
        await app.startAllMicroservices();
      },
    });
    services.push(service);
    const { Orders } = loadPackageDefinition(loadSync(protoPath))['orders'] as GrpcObject;
    const OrdersClient = Orders as unknown as new (...parameters: unknown[]) => Orders;
    const client = new OrdersClient(address, credentials.createInsecure());
    clients.push(client);
    return client;
  };
  let client: Orders;

  beforeAll(async () => {
    issuer = await bootApp({ clock, sessions: { issuer: ISSUER } });
    client = await open(`${issuer.url}/auth`);
    const session = await issuer.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'alice');
    token = session.getAccessToken();
  });

  afterAll(async () => {
    for (const each of clients) each.close();
    for (const each of services) await each.close();
    await issuer.close();
  });

  const call = (method: string, shown: string | undefined, asked = client): Promise<object> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      if (shown !== undefined) metadata.set('authorization', shown);
      CALLS[method]?.(asked, metadata, (error, answer) => {
        if (error === null) return resolve(answer ?? {});
        const { code, details } = error;
        resolve({ status: code, details, code: error.metadata.get(CODE)[0] });
      });
    });

  it('answers a call with a good token', async () => {
    expect(await call('Mine', token)).toEqual({ userId: 'alice' });
    expect(await call('Watch', token)).toEqual({ userId: 'watched' });
    expect(await call('Upload', token)).toEqual({ userId: 'uploaded' });
  });

  it.each(['Mine', 'Watch', 'Upload'])(
    'refuses %s without a token as UNAUTHENTICATED',
    async (method) => {
      expect(await call(method, undefined)).toEqual({
        status: status.UNAUTHENTICATED,
        details: 'unauthorised',
        code: 'UNAUTHORISED',
      });
      expect(await call(method, token.replace(/.{9}$/, 'AAAAAAAAA'))).toEqual({
        status: status.UNAUTHENTICATED,
        details: 'try refresh token',
        code: 'TRY_REFRESH_TOKEN',
      });
    },
  );

  it('refuses a call without the claims as PERMISSION_DENIED', async () => {
    expect(await call('Admin', token)).toEqual({
      status: status.PERMISSION_DENIED,
      details: 'invalid claim',
      code: 'INVALID_CLAIMS',
    });
  });

  it('is UNAVAILABLE while its issuer is away', async () => {
    const lost = await open(`http://127.0.0.1:${await freePort()}/auth`);
    for (const method of ['Mine', 'Watch', 'Upload']) {
      expect(await call(method, token, lost)).toEqual({
        status: status.UNAVAILABLE,
        details: 'session issuer unavailable',
        code: 'SESSION_ISSUER_UNAVAILABLE',
      });
    }
  });

  describe('with a stream', () => {
    const held = (): number => services[0]?.app.get(OpenSessions).size ?? Number.NaN;
    const read = (method: 'Follow' | 'Silent') => {
      const metadata = new Metadata();
      metadata.set('authorization', token);
      const stream = client[method]({}, metadata);
      const told: unknown[] = [];
      stream.on('data', (answer: object) => told.push(answer));
      stream.on('error', ({ code, metadata: sent }: ServiceError) =>
        told.push([code, sent.get(CODE)[0]]),
      );
      return { stream, told };
    };

    it('lets go of its session once its client has left', async () => {
      const { stream, told } = read('Follow');
      await expect.poll(() => told).toEqual([{ userId: 'followed' }]);
      expect(held()).toBe(1);
      stream.cancel();
      await expect.poll(held).toBe(0);
    });

    it('ends it with its token, also before it has given anything', async () => {
      const [followed, silent] = [read('Follow'), read('Silent')];
      await expect.poll(() => followed.told).toEqual([{ userId: 'followed' }]);
      await expect.poll(() => nothingYet.observed).toBe(true);
      clock.advanceMs(60 * 60_000);
      const ended = [status.UNAUTHENTICATED, 'TRY_REFRESH_TOKEN'];
      await expect.poll(() => silent.told, { timeout: 5_000 }).toEqual([ended]);
      await expect.poll(() => followed.told).toEqual([{ userId: 'followed' }, ended]);
      expect([held(), nothingYet.observed]).toEqual([0, false]);
    });
  });
});
