import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { validate } from '@readme/openapi-parser';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { FakeSessionGuard } from '../../lib/testing/index.js';
import { SessionGuard } from '../../lib/verifier/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { send } from '../support/http-client.js';
import { bearer, type Headers } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';
import { bootVerifier, FEED_SECRET } from '../support/verifier-app.js';

/** What the document's `orders.gateway.ts` exports. */
interface Gateways {
  OrdersGateway: Type;
}

/** What the document's `verify.ts` exports. */
declare const Shown: {
  verifierOf(issuer: string, jwksUrl: string): (token: string) => Promise<{ sub?: string }>;
};

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/services.md'), 'utf8');
const DESCRIPTION = join(ROOT, 'docs/revocations-openapi.json');

interface Schema {
  required: string[];
  properties: Record<string, { const?: unknown }>;
}

describe('docs/services.md', () => {
  let issuer: BootedApp;
  let sessions: SessionService;
  const files = new DocFiles('services.md');

  beforeAll(async () => {
    files.write();
    issuer = await bootApp({
      sessions: {
        issuer: 'https://api.example.com/auth',
        routes: { revocations: { secrets: [FEED_SECRET] } },
      },
    });
    sessions = issuer.app.get(SessionService);
  });

  afterAll(async () => {
    files.remove();
    await issuer.close();
  });

  it('lets a test of a controller replace the guard of a service', async () => {
    const { OrdersController } = await files.load<{ OrdersController: Type }>('orders.module.ts');
    const testing = await Test.createTestingModule({ controllers: [OrdersController] })
      .overrideGuard(SessionGuard)
      .useValue(new FakeSessionGuard({ userId: 'ada' }))
      .compile();
    const app = testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/orders`;
    expect(await (await fetch(url)).json()).toEqual({ ordersOf: 'ada' });
    expect((await fetch(`${url}/all`)).status).toBe(403);
    await app.close();
  });

  it.each([null, undefined, 'text', {}])('finds no token in a message of %j', async (message) => {
    interface Messages {
      options: { messages: { token(data: unknown): unknown } };
    }
    const { options } = await files.load<Messages>('messages.ts');
    expect(options.messages.token(message)).toBeUndefined();
  });

  it('shows what a worker must check, with jose', async () => {
    const { verifierOf } = await files.load<typeof Shown>('verify.ts');
    const verify = verifierOf('https://api.example.com/auth', `${issuer.url}/auth/jwt/jwks.json`);

    const { jwt } = await sessions.createJWT({ sub: 'alice', tId: 'public', sessionHandle: 'x' });
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
    expect((await verify(session.getAccessToken())).sub).toBe('alice');
    await expect(verify(jwt)).rejects.toThrow('typ');

    issuer.clock.advance('30s');
    const later = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
    issuer.clock.advanceMs(-30_000);
    await expect(verify(later.getAccessToken())).rejects.toThrow('iat');
  });

  it('shows a token for another service, which is good for five minutes', async () => {
    interface Shows {
      ReportTokens: new (sessions: SessionService) => { tokenFor(id: string): Promise<string> };
    }
    const { ReportTokens } = await files.load<Shows>('report-tokens.ts');
    const jwt = await new ReportTokens(sessions).tokenFor('report-7');
    const keys = createRemoteJWKSet(new URL(`${issuer.url}/auth/jwt/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(jwt, keys, {
      issuer: 'https://api.example.com/auth',
      audience: 'reports',
    });
    expect([payload.sub, (payload.exp ?? 0) - (payload.iat ?? 0)]).toEqual(['report-7', 300]);
    expect(protectedHeader).toMatchObject({ typ: 'JWT', kid: expect.stringMatching(/^s-/) });
  });

  it('shows a gateway that refuses a socket without a session, and closes one whose session has ended', async () => {
    const { OrdersGateway } = await files.load<Gateways>('orders.gateway.ts');
    const service = await bootVerifier({
      clock: issuer.clock,
      options: {
        issuer: 'https://api.example.com/auth',
        url: `${issuer.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '50ms' },
      },
      providers: [OrdersGateway],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    try {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
      const open = (headers: Headers) => WsTestClient.open(service.url, 'orders', headers);
      await expect(open({})).rejects.toMatchObject({ status: 401 });
      const client = await open(bearer(session.getAccessToken()));
      expect(await client.ask('mine')).toEqual(['orders', 'alice']);
      await session.revokeSession();
      expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
    } finally {
      await service.close();
    }
  });

  it('names every option of the verifier, and none that there is not', () => {
    const source = readFileSync(join(ROOT, 'lib/verifier/session-verifier-options.ts'), 'utf8');
    const options = ['SessionVerifierOptions', 'SessionVerifierExtras'].flatMap((name) => {
      const [, body = ''] = new RegExp(`interface ${name} [^{]*{([^]*?)\n}`).exec(source) ?? [];
      return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, option = '']) => option);
    });
    expect(options).toContain('isGlobal');
    const [, section = ''] = /^## Options\n([^]*?)^## /m.exec(PAGE) ?? [];
    const rows = [...section.matchAll(/^\| (`[^|]*)/gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, option = '']) => option),
    );
    const ofStatuses = ['sessionExpiredStatusCode', 'invalidClaimStatusCode'];
    expect(rows.toSorted()).toEqual([...options, ...ofStatuses].toSorted());
    expect(section).toContain('token: (data, context, execution)');
  });

  it('describes the feed as it is', async () => {
    const result = await validate(DESCRIPTION);
    expect(result).toMatchObject({ valid: true });
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
    await sessions.revokeSession(session.getHandle());
    await sessions.revokeAllSessionsForUser('bob', 'public');
    await sessions.markClaimsStale('carol');
    const { json } = await send(`${issuer.url}/auth/revocations`, 'GET', {
      headers: { authorization: `Bearer ${FEED_SECRET}` },
    });
    const answer = json as { lines: Record<string, unknown>[] };

    const { components } = JSON.parse(readFileSync(DESCRIPTION, 'utf8')) as {
      components: { schemas: Record<string, Schema> };
    };
    const { Answer, EndedSession, CutOff, StaleClaims } = components.schemas;
    expect(Object.keys(answer).toSorted()).toEqual(Answer?.required.toSorted());
    for (const schema of [EndedSession, CutOff, StaleClaims]) {
      const line = answer.lines.find(({ kind }) => kind === schema?.properties['kind']?.const);
      expect(Object.keys(line ?? {})).toEqual(expect.arrayContaining(schema?.required ?? []));
      expect(Object.keys(schema?.properties ?? {})).toEqual(
        expect.arrayContaining(Object.keys(line ?? {})),
      );
    }
  });

  it('shows code that compiles', () => {
    expect(files.names).toEqual([
      'issuer.module.ts',
      'orders.module.ts',
      'messages.ts',
      'orders.gateway.ts',
      'kinds.module.ts',
      'verify.ts',
      'report-tokens.ts',
    ]);
    expect(files.problems()).toBe('');
  }, 60_000);
});
