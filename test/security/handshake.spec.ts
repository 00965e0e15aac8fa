import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Controller, Get, Req, Res, type ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  SessionException,
  SessionGuard,
  SessionService,
  VerifySession,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { CreateSessionInterceptor } from '../../lib/index.js';
import { firstValueFrom, of } from 'rxjs';
import { newCertificate } from '../support/certificate.js';
import { bootApp, platforms } from '../support/boot-app.js';
import { expectNothingChanged, expectTokensUntouched } from '../support/refusal.js';
import { accessCookie, bearer, HOST, Scene, type Headers } from '../support/scene.js';

const OWN = { origin: `https://${HOST}` };

/** A gateway: it opens the socket for whoever has a session, and says whose it is. */
function serveSockets(server: Server, sessions: SessionService): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    sessions
      .getSessionOfHandshake(request, { checkDatabase: request.url === '/strict' })
      .then((session) => `101 Switching Protocols\r\nx-user: ${session?.getUserId()}`)
      .catch(
        (error: unknown) => `${error instanceof SessionException ? error.getStatus() : 500} No`,
      )
      .then((head) =>
        socket.end(`HTTP/1.1 ${head}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`),
      )
      .catch(() => socket.destroy());
  });
}

function openSocket(scene: Scene, headers: Headers, path = '/'): Promise<string> {
  return openSocketAt(scene.booted.url + path, headers);
}

function openSocketAt(url: string, headers: Headers): Promise<string> {
  return new Promise((resolve, reject) => {
    const upgrade = {
      host: HOST,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const request = url.startsWith('https:') ? httpsRequest : httpRequest;
    const options = { headers: { ...upgrade, ...headers }, rejectUnauthorized: false };
    const sent = request(url, options);
    sent.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve(`${answer.statusCode} ${String(answer.headers['x-user'] ?? '')}`.trim());
    });
    sent.on('response', (answer) => {
      answer.resume();
      resolve(String(answer.statusCode));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe.each(platforms)('a WebSocket handshake on %s', (platform) => {
  async function open(sessions: SessionModuleOptions = {}): Promise<Scene> {
    const scene = await Scene.open({ platform, sessions });
    const { app } = scene.booted;
    serveSockets(app.getHttpServer() as Server, app.get(SessionService));
    return scene;
  }
  let scene: Scene;
  beforeAll(async () => {
    scene = await open({ trustedOrigins: ['https://www.example.org'] });
  });
  afterAll(() => scene.close());

  it('CS7: opens for our own page, for a trusted one, and for no page', async () => {
    const { access } = await scene.login('u1');
    for (const page of [OWN, { origin: 'https://www.example.org' }, {}]) {
      expect(await openSocket(scene, { ...accessCookie(access), ...page })).toBe('101 u1');
    }
  });

  it.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN', 'NONE'] as const)(
    'CS7: is refused to the page of another origin, siblings too, whatever the check against CSRF: %s',
    async (antiCsrf) => {
      const checked = await open({ antiCsrf });
      try {
        const { access } = await checked.login('u1');
        await expectNothingChanged(checked, async () => {
          for (const page of [
            { origin: 'https://evil.example' },
            { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
            { origin: 'https://blog.example.com', 'sec-fetch-site': 'same-site' },
            { origin: `https://${HOST}:8443` },
            { origin: `https://${HOST}.evil.example` },
            { origin: 'null' },
            { 'sec-fetch-site': 'cross-site' },
            { ...OWN, 'sec-fetch-site': 'cross-site' },
            { origin: `http://${HOST}` },
          ]) {
            const headers = { ...accessCookie(access), ...page, rid: 'session' };
            expect(await openSocket(checked, headers)).toBe('403');
          }
        });
        expect(await openSocket(checked, { ...accessCookie(access), ...OWN })).toBe('101 u1');
      } finally {
        await checked.close();
      }
    },
  );

  it.each([{}, { cookie: { secure: false } }])(
    'CS9: is another origin in plain http where the socket has TLS, with %o',
    async (sessions) => {
      const checked = await bootApp({ platform, sessions });
      const service = checked.app.get(SessionService);
      const secure = createServer(await newCertificate(HOST));
      serveSockets(secure, service);
      await new Promise<void>((resolve) => {
        secure.listen(0, '127.0.0.1', resolve);
      });
      try {
        const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`;
        const session = await service.createNewSessionWithoutRequestResponse('public', 'u1');
        const access = session.getAccessToken();
        const cookies = ['__Host-sAccessToken', 'sAccessToken'];
        const cookie = cookies.map((name) => `${name}=${access}`).join('; ');
        const answers = [`http://${HOST}`, `https://${HOST}`].map((origin) =>
          openSocketAt(url, { host: HOST, cookie, origin }),
        );
        expect(await Promise.all(answers)).toEqual(['403', '101 u1']);
      } finally {
        secure.close();
        await checked.close();
      }
    },
  );

  it('CS7: needs no origin with a token that no page sends by itself', async () => {
    const { access } = await scene.login('u1');
    const headers = { ...bearer(access), origin: 'https://evil.example' };
    expect(await openSocket(scene, headers)).toBe('101 u1');
  });

  it('CS7: is refused without a session, with a bad one, and with one that is over', async () => {
    const holder = await scene.login('u1');
    const forged = `${holder.access.slice(0, -6)}AAAAAA`;
    for (const headers of [{}, accessCookie(forged), accessCookie('x'), bearer(forged)]) {
      expect(await openSocket(scene, { ...headers, ...OWN })).toBe('401');
    }
    await scene.booted.app.get(SessionService).revokeSession(holder.handle);
    const over = { ...accessCookie(holder.access), ...OWN };
    expect([await openSocket(scene, over), await openSocket(scene, over, '/strict')]).toEqual([
      '401',
      '401',
    ]);
  });
});

class Resolver {
  @VerifySession()
  change(): void {}

  @CreateSession()
  login(): void {}
}

/** A GraphQL server that runs mutations by GET, as none should. */
@Controller()
class GraphQlController {
  constructor(
    private readonly guard: SessionGuard,
    private readonly logins: CreateSessionInterceptor,
  ) {}

  @Get('graphql-change')
  async change(@Req() req: object, @Res({ passthrough: true }) res: object): Promise<boolean> {
    return this.guard.canActivate(fieldOf(req, res, Resolver.prototype.change));
  }

  @Get('graphql-login')
  async login(@Req() req: object, @Res({ passthrough: true }) res: object): Promise<unknown> {
    const context = fieldOf(req, res, Resolver.prototype.login);
    return firstValueFrom(this.logins.intercept(context, { handle: () => of('attacker') }));
  }
}

function fieldOf(req: object, res: object, handler: () => void): ExecutionContext {
  const info = { operation: { operation: (req as { query: { run: string } }).query.run } };
  const context = new ExecutionContextHost([{}, {}, { req, res }, info], Resolver, handler);
  context.setType('graphql');
  return context;
}

describe.each(platforms)('a GraphQL mutation by GET on %s', (platform) => {
  it('CS7: is checked as if it came by POST, and a query is not', async () => {
    const scene = await Scene.open({
      platform,
      controllers: [GraphQlController],
      providers: [CreateSessionInterceptor],
    });
    try {
      const { access } = await scene.login('u1');
      const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
      const headers = { ...accessCookie(access), ...link };
      const send = (path: string, more: Headers) => scene.get(path, more);
      await expectNothingChanged(scene, async () => {
        const refused = await send('/graphql-change?run=mutation', headers);
        expect(refused.status).toBe(401);
        expectTokensUntouched(refused);
        const login = await send('/graphql-login?run=mutation', link);
        expect(login.status).toBe(403);
        expectTokensUntouched(login);
      });
      expect((await send('/graphql-change?run=query', headers)).text).toBe('true');
      const own = { ...accessCookie(access), 'sec-fetch-site': 'same-origin' };
      expect((await send('/graphql-change?run=mutation', own)).text).toBe('true');
    } finally {
      await scene.close();
    }
  });
});
