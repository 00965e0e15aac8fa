import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Controller, Get } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SessionService, SessionContainer } from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import { IssuerKeys } from '../../lib/verifier/issuer-keys.js';
import {
  CurrentSession,
  ReadonlySession,
  SessionVerification,
  VerifySession,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { send } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';
import { CERTIFICATE } from '../support/foreign-certificate.js';

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: ReadonlySession): object {
    return session.toJSON();
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Body = Record<string, unknown>;
type Change = (body: Body) => Body;
/** What stands in the place of an answer: another one, or another body. */
type Misdeed = { readonly answer: Handler } | { readonly change: Change };

const changed = (change: Change): Misdeed => ({ change });

describe('an issuer that misbehaves', () => {
  const clock = new FakeClock();
  let issuer: BootedApp;
  let session: SessionContainer;
  let proxy: Server;
  let service: BootedVerifier | undefined;
  let log: LogRecorder;
  /** What stands in the place of an answer, by the end of its path. */
  let instead: Record<string, Misdeed> = {};

  beforeEach(async () => {
    instead = {};
    log = new LogRecorder();
    issuer = await bootApp({
      clock,
      sessions: {
        issuer: ISSUER,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        routes: { revocations: { secrets: [FEED_SECRET] } },
      },
    });
    session = await issuer.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'alice');
    proxy = createServer((request, response) => void forward(request, response));
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });

  afterEach(async () => {
    await service?.close();
    service = undefined;
    proxy.closeAllConnections();
    proxy.close();
    await issuer.close();
  });

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const name = Object.keys(instead).find((each) => path.split('?')[0]?.endsWith(each));
    const misdeed = name === undefined ? undefined : instead[name];
    if (misdeed !== undefined && 'answer' in misdeed) return misdeed.answer(request, response);
    const headers = { authorization: request.headers.authorization ?? '' };
    const answer = await fetch(issuer.url + path, { headers });
    const text = await answer.text();
    const body =
      misdeed === undefined ? text : JSON.stringify(misdeed.change(JSON.parse(text) as Body));
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
  }

  async function boot(options: Partial<SessionVerifierOptions> = {}): Promise<void> {
    const { port } = proxy.address() as AddressInfo;
    service = await bootVerifier({
      clock,
      controllers: [MeController],
      logger: log,
      options: {
        issuer: ISSUER,
        url: `http://127.0.0.1:${port}/auth`,
        requestTimeout: '1s',
        revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: '2h' },
        ...options,
      },
    });
  }

  const me = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    return (await send(`${service?.url}/me`, 'GET', { headers })).status;
  };

  const errors = (): string[] =>
    log.lines.filter(({ level }) => level === 'error').map(({ text }) => text);

  it('is heard where it behaves', async () => {
    await boot();
    expect(await me()).toBe(200);
    expect(errors()).toEqual([]);
  });

  const slowly: Misdeed = {
    answer: (_request, response) => void response.writeHead(200).write('{'),
  };
  const endlessly: Handler = (_request, response) => {
    const chunk = Buffer.alloc(1_048_576, ' ');
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      for (let i = 0; i < 100; i += 1) if (!response.write(chunk)) break;
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  };
  const endless: Misdeed = { answer: endlessly };
  const answers = (status: number, text: string): Misdeed => ({
    answer: (_request, response) => void response.writeHead(status).end(text),
  });

  it.each<[string, string, Misdeed]>([
    [
      'belongs to another issuer',
      'another issuer',
      changed((body) => ({ ...body, issuer: 'https://evil.example' })),
    ],
    [
      'belongs to another audience',
      'another audience',
      changed((body) => ({ ...body, audience: 'shop' })),
    ],
    [
      'is of a later version',
      'update the service before the issuer',
      changed((body) => ({ ...body, version: 2 })),
    ],
    [
      'is from a time long ago',
      'ten minutes apart',
      changed((body) => ({ ...body, time: 1_000_000 })),
    ],
    [
      'has lines of a kind that is not known',
      'is incomplete',
      changed((body) => ({ ...body, lines: [{ kind: 'new', until: 1 }] })),
    ],
    [
      'has a handle that is none',
      'is incomplete',
      changed((body) => ({ ...body, lines: [{ kind: 'session', handle: '', until: 1 }] })),
    ],
    ['has no lines', 'is incomplete', changed((body) => ({ ...body, lines: undefined }))],
    ['has times that are none', 'is incomplete', changed((body) => ({ ...body, age: -1 }))],
    ['never ends', 'no end', changed((body) => ({ ...body, more: true }))],
    ['is truncated', 'invalid JSON', answers(200, '{"version":1,"lines":[')],
    ['is null', 'is not an object', answers(200, 'null')],
    ['refuses the secret', 'answers 401', answers(401, '{}')],
    ['says 304 to whoever knows nothing', '304 without a time', answers(304, '')],
    ['is a hundred megabytes long', 'more than', endless],
    ['hangs', 'too long', slowly],
    ['breaks off', 'can’t be read', { answer: (request) => void request.socket.destroy() }],
  ])(
    'whose feed %s is not believed: the service stays up and answers 503',
    async (_name, why, misdeed) => {
      instead = { '/revocations': misdeed };
      await boot();
      expect(await me()).toBe(503);
      expect(errors().join('\n')).toContain(why);
      expect(errors().join('\n')).not.toContain(FEED_SECRET);
      instead = {};
      await service?.app.get(IssuerFeed).poll();
      expect(await me()).toBe(200);
    },
  );

  it.each(['/revocations', '/jwks.json'])(
    'that sends requests for %s to another server is not followed, however well that answers',
    async (path) => {
      const seen: string[] = [];
      const other = createServer((request, response) => {
        seen.push(String(request.url));
        const headers = { authorization: `Bearer ${FEED_SECRET}` };
        void fetch(issuer.url + request.url, { headers })
          .then((answer) => answer.text())
          .then((text) => response.end(text));
      });
      onTestFinished(() => void other.close());
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      const to = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      const answer: Handler = ({ url }, response) =>
        void response.writeHead(307, { location: `${to}${url}` }).end();
      instead = { [path]: { answer } };
      await boot();
      expect([await me(), seen]).toEqual([503, []]);
      expect(errors().join('\n')).toContain(`${path} can’t be read`);
      expect(errors().join('\n')).not.toContain(FEED_SECRET);
    },
  );

  it('whose feed fails after its first page answers 503, since the rest may tell of anybody', async () => {
    const sessions = issuer.app.get(SessionService);
    const other = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    await sessions.revokeSession(other.getHandle());
    const hasLines = ({ lines }: Body) => Array.isArray(lines) && lines.length > 0;
    const isMore: Change = (body) => (hasLines(body) ? { ...body, more: true } : {});
    instead = { '/revocations': changed(isMore) };
    await boot();
    expect(await me()).toBe(503);
    instead = {};
    await service?.app.get(IssuerFeed).poll();
    expect(await me()).toBe(200);
  });

  it('VF8: whose feed has lost a revocation, as after a restored backup, brings no session back', async () => {
    await boot();
    await issuer.app.get(SessionService).revokeSession(session.getHandle());
    await service?.app.get(IssuerFeed).poll();
    expect(await me()).toBe(401);
    instead = { '/revocations': changed((body) => ({ ...body, lines: [] })) };
    clock.advanceMs(700_000);
    await service?.app.get(IssuerFeed).poll();
    expect(await me()).toBe(401);
  });

  const withKeys = (change: (keys: Body[]) => unknown): Misdeed =>
    changed((body) => ({ ...body, keys: change(body['keys'] as Body[]) }));

  it.each<[string, string, Misdeed]>([
    [
      'publish a private part',
      'private part',
      withKeys((keys) => keys.map((key) => ({ ...key, d: 'AAAA' }))),
    ],
    [
      'have one id twice',
      'two keys have the id',
      withKeys(([key]) => [key, { ...otherKey(), kid: key?.['kid'] }]),
    ],
    [
      'are secret ones',
      '',
      withKeys((keys) => keys.map(({ kid }) => ({ kty: 'oct', kid, alg: 'HS256', use: 'sig' }))),
    ],
    [
      'are of another curve',
      '',
      withKeys((keys) => keys.map(({ kid }) => ({ ...otherKey('P-384'), kid, alg: 'ES256' }))),
    ],
    [
      'are for another algorithm',
      '',
      withKeys((keys) => keys.map((key) => ({ ...key, alg: 'HS256' }))),
    ],
    ['are for encryption', '', withKeys((keys) => keys.map((key) => ({ ...key, use: 'enc' })))],
    ['are no list', 'are not a JWKS', withKeys(() => 'keys')],
    [
      'are somebody else’s',
      '',
      withKeys((keys) => keys.map(({ kid }) => ({ ...otherKey(), kid, alg: 'ES256', use: 'sig' }))),
    ],
    ['are a hundred megabytes', 'more than', endless],
    ['hang', 'too long', slowly],
  ])('whose keys %s lets nobody in, and the service stays up', async (_name, why, misdeed) => {
    instead = { '/jwks.json': misdeed };
    await boot();
    expect([401, 503]).toContain(await me());
    expect(errors().join('\n')).toContain(why);
  });

  it('whose keys can’t be read has none by the health of the service, though its feed is good', async () => {
    instead = { '/jwks.json': answers(500, '') };
    await boot();
    const verification = service?.app.get(SessionVerification);
    expect(await me()).toBe(503);
    expect(verification?.health()).toMatchObject({ keysAgeMs: undefined, revocationsAgeMs: 0 });
    instead = {};
    clock.advanceMs(5_000);
    expect(await me()).toBe(200);
    expect(verification?.health().keysAgeMs).toBe(0);
    // The feed confirms keys that have been read.
    clock.advanceMs(1_000);
    await service?.app.get(IssuerFeed).poll();
    expect(verification?.health().keysAgeMs).toBe(0);
  });

  it('may have a thousand keys beside its own', async () => {
    const strange = Array.from({ length: 1_000 }, (_, index) => ({
      ...otherKey(),
      kid: `d-${String(index).padStart(16, '0')}`,
      alg: 'ES256',
      use: 'sig',
    }));
    instead = { '/jwks.json': withKeys((keys) => [...strange, ...keys, null, 7, { kid: 1 }]) };
    await boot();
    expect(await me()).toBe(200);
  });

  it.each<[string, string, Misdeed]>([
    [
      'another issuer',
      'names another issuer',
      changed((body) => ({ ...body, issuer: 'https://evil.example' })),
    ],
    [
      'no place of keys',
      'does not say where its keys are',
      changed((body) => ({ ...body, jwks_uri: '/keys' })),
    ],
    [
      'a place in plain http',
      'anyone on the network path',
      changed((body) => ({ ...body, jwks_uri: 'http://evil.example/k' })),
    ],
  ])(
    'whose discovery document names %s is told so in the log, and lets nobody in',
    async (_name, why, change) => {
      instead = { '/openid-configuration': change };
      await boot();
      expect(await me()).toBe(503);
      expect(errors().join('\n')).toContain(why);
    },
  );

  it('that shows a foreign certificate is not believed', async () => {
    const server = createTlsServer(CERTIFICATE, (_request, response) => response.end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await boot({ url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/auth` });
    expect(await me()).toBe(503);
    expect(errors().join('\n')).toMatch(/SELF_SIGNED|CERT/);
    server.close();
  });

  it('that refuses the secret after it was away is told so in the log, once', async () => {
    instead = { '': answers(500, '') };
    await boot();
    expect(errors().filter((text) => text.includes('answers 401'))).toEqual([]);
    instead = { '/revocations': answers(401, '') };
    await service?.app.get(IssuerFeed).start();
    await service?.app.get(IssuerFeed).start();
    expect(errors().filter((text) => text.includes('revocations answers 401'))).toHaveLength(1);
  });

  it('whose instances fail for different reasons in turn is told of once for each', async () => {
    await boot();
    for (const status of [502, 503, 502, 503, 502]) {
      instead = { '/revocations': answers(status, '') };
      await service?.app.get(IssuerFeed).start();
    }
    expect(errors().filter((text) => text.includes('answers 50'))).toHaveLength(2);
  });

  it('whose discovery document is another’s after it was away is told so in the log, once', async () => {
    instead = { '': answers(500, '') };
    await boot();
    instead = { '/openid-configuration': changed((body) => ({ ...body, issuer: 'https://evil' })) };
    await service?.app.get(IssuerKeys).start();
    await service?.app.get(IssuerKeys).start();
    expect(errors().filter((text) => text.includes('names another issuer'))).toHaveLength(1);
    instead = {};
    await service?.app.get(IssuerKeys).start();
    expect(log.lines.map(({ text }) => text)).toContain('The issuer’s keys can be read again');
  });

  it('is not told of a poll that ends because the service stops', async () => {
    await boot();
    const polling = service?.app.get(IssuerFeed).start();
    await service?.close();
    service = undefined;
    await polling;
    expect(errors()).toEqual([]);
  });

  it('that is away at the start is waited for', async () => {
    instead = { '': answers(500, '') };
    await boot();
    expect(await me()).toBe(503);
    instead = {};
    clock.advanceMs(6_000);
    await service?.app.get(IssuerFeed).poll();
    expect(await me()).toBe(200);
  });

  it('that is away at the start is asked for its keys by requests, once in five seconds', async () => {
    let asked = 0;
    const away: Handler = (_request, response) => {
      asked += 1;
      response.writeHead(500).end();
    };
    instead = { '': { answer: away } };
    await boot({ revocations: false });
    asked = 0;
    expect([await me(), await me(), asked]).toEqual([503, 503, 1]);
    instead = {};
    clock.advanceMs(4_999);
    expect(await me()).toBe(503);
    clock.advanceMs(1);
    expect(await me()).toBe(200);
  });

  it('that goes away has no token of a new key refused, but answered 503', async () => {
    await boot({ revocations: false });
    expect(await me()).toBe(200);
    const sessions = issuer.app.get(SessionService);
    const [key] = sessions.getJWKS().keys;
    clock.advanceMs(20_000);
    await sessions.revokeKey(String(key?.kid));
    session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    instead = { '': answers(500, '') };
    // The second one asks for no keys, since the first one has just done so.
    expect([await me(), await me()]).toEqual([503, 503]);
    instead = {};
    clock.advanceMs(5_000);
    expect(await me()).toBe(200);
  });

  it('is asked for its keys by a request where they have become too old', async () => {
    const keys = { reloadInterval: '1m', maxStaleness: '5m' } as const;
    await boot({ revocations: false, keys });
    expect(await me()).toBe(200);
    // The first token has been remembered.
    const remembered = session;
    session = await issuer.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'bob');
    clock.advanceMs(300_001);
    expect(await me()).toBe(200);
    session = remembered;
    clock.advanceMs(300_001);
    expect(await me()).toBe(200);
    instead = { '': answers(500, '') };
    clock.advanceMs(300_001);
    expect(await me()).toBe(503);
  });

  it('has its keys used for three intervals of reading at least', async () => {
    await boot({ revocations: false, keys: { reloadInterval: '1d' } });
    instead = { '': answers(500, '') };
    clock.advanceMs(3 * 86_400_000);
    session = await issuer.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'bob');
    expect(await me()).toBe(200);
    clock.advanceMs(1);
    expect(await me()).toBe(503);
  });

  it.each(['1h', '66m'] as const)(
    'has no keys that are too old before the next reading: %s of one hour is refused',
    async (maxStaleness) => {
      const keys = { reloadInterval: '1h', maxStaleness } as const;
      await expect(boot({ revocations: false, keys })).rejects.toThrow(
        '`keys.maxStaleness` must be longer than 1.1 times `keys.reloadInterval`',
      );
    },
  );

  it.each([
    ['30s', '30s'],
    ['30s', '31.9s'],
    ['50ms', '2s'],
  ] as const)(
    'tells no news that are too old before the next poll: polls each %s with news of at most %s are refused',
    async (pollInterval, maxStaleness) => {
      const revocations = { secret: FEED_SECRET, pollInterval, maxStaleness };
      await expect(boot({ revocations })).rejects.toThrow(
        '`revocations.maxStaleness` must be at least 2 seconds longer than `revocations.pollInterval`',
      );
    },
  );

  it('tells news that are young enough where they may be two seconds older than a poll', async () => {
    const revocations = { secret: FEED_SECRET, pollInterval: '30s', maxStaleness: '32s' } as const;
    await boot({ revocations });
    clock.advanceMs(30_000);
    expect(await me()).toBe(200);
  });

  it('that goes away later is used on by its keys for as long as an option says', async () => {
    await boot();
    expect(await me()).toBe(200);
    instead = { '': answers(502, '') };
    clock.advanceMs(1_800_000);
    expect(await me()).toBe(200);
  });
});

function otherKey(namedCurve = 'P-256'): Body {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve });
  return publicKey.export({ format: 'jwk' });
}
