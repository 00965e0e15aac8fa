import {
  Controller,
  Get,
  VersioningType,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  SessionModule,
  type SessionModuleExtras,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { expectNothingChanged } from '../support/refusal.js';
import { refreshCookie, Scene } from '../support/scene.js';

const ROUTES = {
  refresh: ['POST', 'session/refresh', 401],
  signOut: ['POST', 'signout', 200],
  jwks: ['GET', 'jwt/jwks.json', 200],
  openIdConfiguration: ['GET', '.well-known/openid-configuration', 200],
  sessionList: ['GET', 'sessions', 401],
} as const;
type RouteName = keyof typeof ROUTES;
const NAMES = Object.keys(ROUTES) as RouteName[];

@Controller({ path: 'versioned', version: '1' })
class VersionedController {
  @Get()
  get(): string {
    return 'v1';
  }
}

class EnvelopeInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

describe.each(platforms)('the built-in routes on %s', (platform) => {
  let booted: BootedApp | undefined;
  afterEach(() => booted?.close());

  async function boot(
    sessions: SessionModuleOptions & SessionModuleExtras,
    prepare: (app: INestApplication) => void = () => {},
  ): Promise<BootedApp> {
    const issuer = 'https://api.example.com/auth';
    booted = await bootApp({
      platform,
      sessions: { issuer, ...sessions },
      controllers: [VersionedController],
      prepare,
    });
    return booted;
  }

  /** Which routes answer under a base; with their status where it is none of theirs. */
  async function served(app: BootedApp, base: string): Promise<string[]> {
    const found: string[] = [];
    for (const name of NAMES) {
      const [method, path, expected] = ROUTES[name];
      const { status } = await app.client().send(method, `${base}/${path}`);
      if (status !== 404) found.push(status === expected ? name : `${name}: ${status}`);
    }
    return found;
  }

  it('are under /auth', async () => {
    const app = await boot({});
    expect(await served(app, '/auth')).toEqual(NAMES);
  });

  it.each(['/api/auth', 'api/auth', '/api/auth/', ''])(
    'are where apiBasePath "%s" says',
    async (apiBasePath) => {
      const app = await boot({ apiBasePath });
      const base = apiBasePath === '' ? '' : '/api/auth';
      expect(await served(app, base)).toEqual(NAMES);
      expect(await served(app, '/auth')).toEqual([]);
    },
  );

  it('answer services in their own form, whatever an interceptor of the application makes of answers', async () => {
    const app = await boot({}, (nest) => nest.useGlobalInterceptors(new EnvelopeInterceptor()));
    const get = (path: string, headers = {}) => app.client().send('GET', path, { headers });
    expect((await get('/versioned')).json).toEqual({ data: 'v1' });
    const jwks = await get('/auth/jwt/jwks.json');
    expect(Object.keys(jwks.json as object)).toEqual(['keys']);
    expect(jwks.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'content-type': 'application/json; charset=utf-8',
    });
    const discovery = await get('/auth/.well-known/openid-configuration');
    expect(discovery.json).toMatchObject({ issuer: 'https://api.example.com/auth' });
    const head = await app.client().send('HEAD', '/auth/jwt/jwks.json');
    expect([head.status, head.text]).toEqual([200, '']);
    const { etag } = jwks.headers;
    if (typeof etag !== 'string') return;
    expect((await get('/auth/jwt/jwks.json', { 'if-none-match': etag })).status).toBe(304);
  });

  it('are none with `routes: false`', async () => {
    const app = await boot({ routes: false });
    expect(await served(app, '/auth')).toEqual([]);
  });

  it.each(NAMES)('are all but %s where that one is switched off', async (name) => {
    const app = await boot({ routes: { [name]: false } });
    expect(await served(app, '/auth')).toEqual(NAMES.filter((each) => each !== name));
  });

  it('follow setGlobalPrefix', async () => {
    const app = await boot({}, (nest) => nest.setGlobalPrefix('v2/api'));
    expect(await served(app, '/v2/api/auth')).toEqual(NAMES);
    expect(await served(app, '/auth')).toEqual([]);
  });

  it.each([
    ['in the path', { type: VersioningType.URI } as const, '/v1/versioned', {}],
    [
      'in a header',
      { type: VersioningType.HEADER, header: 'x-version' } as const,
      '/versioned',
      { 'x-version': '1' },
    ],
  ])('stay where they are with versions %s', async (_, versioning, path, headers: object) => {
    const app = await boot({}, (nest) =>
      nest.enableVersioning({ ...versioning, defaultVersion: '1' }),
    );
    expect(await served(app, '/auth')).toEqual(NAMES);
    expect((await app.client().get(path, { headers: { ...headers } })).text).toBe('v1');
  });

  it('stand beside the factory of forRootAsync, not in its result', async () => {
    const sessionModule = SessionModule.forRootAsync({
      apiBasePath: '/sessions',
      routes: { signOut: false, openIdConfiguration: false, sessionList: false },
      useFactory: () => ({ accessTokenLifetime: '5m' }),
    });
    booted = await bootApp({ platform, sessionModule });
    expect(await served(booted, '/sessions')).toEqual(['refresh', 'jwks']);
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH'])(
    'refresh and sign out by POST alone, not by %s',
    async (method) => {
      const scene = await Scene.open({ platform });
      const { refresh } = await scene.login('u1');
      const headers = { ...refreshCookie(refresh), 'x-http-method-override': 'POST' };
      await expectNothingChanged(scene, async () => {
        for (const path of ['/auth/session/refresh', '/auth/signout']) {
          const answer = await scene.send(method, path, headers);
          expect([answer.status, answer.setCookies]).toEqual([404, []]);
        }
      });
      await scene.close();
    },
  );

  it('answer a preflight by the application’s CORS alone, and expose what they set', async () => {
    const origin = 'https://www.example.com';
    const scene = await Scene.open({
      platform,
      sessions: { trustedOrigins: [origin] },
      prepare: (app) => {
        app.enableCors({ origin: [origin], credentials: true, exposedHeaders: ['x-total'] });
      },
    });
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'rid',
    };
    const preflight = await scene.send('OPTIONS', '/auth/session/refresh', { origin, ...asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe(origin);
    const evil = { origin: 'https://evil.example', ...asked };
    const refused = await scene.send('OPTIONS', '/auth/session/refresh', evil);
    expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    const { refresh } = await scene.login('u1');
    const answer = await scene.refresh({ ...refreshCookie(refresh), origin });
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-total, front-token',
    });
    await scene.close();
  });
});
