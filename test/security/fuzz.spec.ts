import { randomInt } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { UnauthorizedSessionException } from '../../lib/errors/unauthorized-session.exception.js';
import { AntiCsrf } from '../../lib/http/anti-csrf/anti-csrf.js';
import { asHttpRequest } from '../../lib/http/context/http-request.js';
import { asHttpResponse, setHeader } from '../../lib/http/context/http-response.js';
import { RequestRefresh } from '../../lib/http/refresh/request-refresh.js';
import { FailureAnswer } from '../../lib/http/refusals/failure-answer.js';
import { TokenReader } from '../../lib/http/transport/token-reader.js';
import type { TokenWriter } from '../../lib/http/transport/token-writer.js';
import { Session, type SessionEventBus } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { RefreshTokenAuthenticator } from '../../lib/session/refresh/refresh-token-authenticator.js';
import { SessionRefresher } from '../../lib/session/refresh/session-refresher.js';
import { SessionVerifier } from '../../lib/session/verify/session-verifier.js';
import { VerifiedTokenCache } from '../../lib/session/verify/verified-token-cache.js';
import type { SessionStore } from '../../lib/store/session.store.js';
import { accessTokenKid, type AccessTokenClaims } from '../../lib/tokens/access-token.js';
import type { VerificationKeys } from '../../lib/verification/verification-keys.js';
import { newSessionHandle, sessionHandleFromBytes } from '../../lib/tokens/session-handle.js';
import { platforms } from '../support/boot-app.js';
import { describeOnEachDatabase, engines } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Campaign, isLostRefresh } from '../support/fuzz/campaign.js';
import { KnownRefusals } from '../support/fuzz/known-refusals.js';
import { RawConnection } from '../support/fuzz/raw-connection.js';
import { RowFingerprint } from '../support/fuzz/row-fingerprint.js';
import type { Target } from '../support/fuzz/wire-request.js';
import { heapInUse } from '../support/heap.js';
import { KEY } from '../support/refresh-token-key.js';
import { HOST, payloadOf, Scene } from '../support/scene.js';

const CASES = Number(process.env['FUZZ_CASES'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
/** One case alone, as a failure names it. */
const ONLY = process.env['FUZZ_CASE'];
const LONG = 60_000 + CASES * 30;

const TRANSFERS = ['any', 'cookie', 'header'] as const;
const MODES = ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN', 'NONE'] as const;
const TARGETS: readonly Target[] = TRANSFERS.flatMap((transfer) =>
  MODES.map((antiCsrf) => ({ transfer, antiCsrf })),
);
const SHARE = { sqlite: 0.7, postgres: 0.15, mariadb: 0.15 } as const;

describeOnEachDatabase('every bad request is refused and changes nothing,', (engine) => {
  const refusals = new KnownRefusals();
  let database: TestDatabase | undefined;

  beforeAll(async () => {
    database = engine === 'sqlite' ? undefined : await createTestDatabase(engine);
  });

  afterAll(() => database?.drop());

  // On a server each framework gets every other target.
  const runs = TARGETS.flatMap((target, place) =>
    platforms
      .filter((_, which) => engine === 'sqlite' || (place + Math.floor(place / 4)) % 2 === which)
      .map((platform) => [platform, target] as const),
  );
  const count = Math.max(1, Math.ceil((CASES * SHARE[engine]) / runs.length));

  it.each(runs.map(([platform, target], place) => [platform, target, place] as const))(
    'on %s with %o',
    async (platform, target, place) => {
      const campaign = await Campaign.against(
        target,
        { platform, ...(database && { database: database.options }) },
        refusals,
      );
      try {
        const whole = { seed: SEED, first: place * count, count };
        const range = ONLY === undefined ? whole : { ...whole, first: Number(ONLY), count: 1 };
        expect(await campaign.run(range)).toBeUndefined();
      } finally {
        await campaign.close();
      }
    },
    LONG,
  );
});

describe('a build with one check removed is caught:', () => {
  afterEach(() => vi.restoreAllMocks());

  const cookies: Target = { transfer: 'cookie', antiCsrf: 'VIA_FETCH_METADATA' };

  async function findIn(target: Target, first = 0, count = 3_000): Promise<string> {
    const campaign = await Campaign.against(target, { platform: 'express' });
    try {
      return (await campaign.run({ seed: SEED, first, count })) ?? 'nothing';
    } finally {
      await campaign.close();
    }
  }

  async function expectCaught(what: string, target = cookies): Promise<void> {
    const found = await findIn(target);
    expect(found).toMatch(/^FUZZ_SEED=\d+ FUZZ_CASE=\d+: .+\nsent: "/);
    expect(found).toContain(`: ${what}`);
  }

  it('the check against CSRF', { timeout: LONG }, async () => {
    vi.spyOn(AntiCsrf.prototype, 'isAllowed').mockReturnValue(true);
    await expectCaught('');
  });

  it('and by its case alone, with what of the request is enough', { timeout: LONG }, async () => {
    vi.spyOn(AntiCsrf.prototype, 'isAllowed').mockReturnValue(true);
    const [whole = '', sent = '', enough = ''] = (await findIn(cookies)).split('\n');
    const index = Number(/FUZZ_CASE=(\d+)/.exec(whole)?.[1]);
    expect(enough.length).toBeLessThan(sent.length);
    const again = await findIn(cookies, index, 1);
    expect(kindOfFailure(again)).toBe(kindOfFailure(whole));
  });

  it('the anti-CSRF token', { timeout: LONG }, async () => {
    vi.spyOn(AntiCsrf.prototype, 'matches').mockReturnValue(true);
    await expectCaught('', { transfer: 'cookie', antiCsrf: 'VIA_TOKEN' });
  });

  it('the signature of an access token', { timeout: LONG }, async () => {
    vi.spyOn(SessionVerifier.prototype, 'read').mockImplementation(function (
      this: SessionVerifier,
      token,
    ) {
      const { keys } = this as unknown as { keys: VerificationKeys };
      const claims = claimsOf(token);
      const key = keys.findVerificationKey(accessTokenKid(token) ?? '');
      return claims === undefined || key === undefined
        ? 'foreign'
        : { token: { token, claims, key } };
    });
    await expectCaught('');
  });

  it('the expiry of an access token', { timeout: LONG }, async () => {
    vi.spyOn(SessionVerifier.prototype as unknown as { judge(): void }, 'judge').mockReturnValue();
    await expectCaught('');
  });

  it('the MAC of a refresh token', { timeout: LONG }, async () => {
    vi.spyOn(RefreshTokenAuthenticator.prototype, 'read').mockImplementation((text) => {
      const bytes = Buffer.from(text.slice('nasr_'.length), 'base64url');
      const sessionHandle =
        bytes.length === 113 ? sessionHandleFromBytes(bytes.subarray(13, 29)) : undefined;
      if (sessionHandle === undefined) return 'foreign';
      const parentHash = bytes.toString('hex', 49, 81);
      const generation = bytes.readUInt32BE(29);
      const hash = 'f'.repeat(64);
      const claims = { sessionHandle, generation, parentHash, keyId: KEY.id, hash };
      return { token: { text, claims, key: KEY } };
    });
    await expectCaught('');
  });

  it('the second cookie of a name', { timeout: LONG }, async () => {
    const accessTokenCookies = TokenReader.prototype.accessTokenCookies;
    vi.spyOn(TokenReader.prototype, 'accessTokenCookies').mockImplementation(function (
      this: TokenReader,
      request,
    ) {
      return accessTokenCookies.call(this, request).slice(0, 1);
    });
    await expectCaught('');
  });

  it('the way by which tokens may come', { timeout: LONG }, async () => {
    const accessTokenCookies = TokenReader.prototype.accessTokenCookies;
    vi.spyOn(TokenReader.prototype, 'accessTokenCookies').mockImplementation(function (
      this: TokenReader,
      request,
    ) {
      const bearer = this.bearerToken(request);
      return bearer === undefined ? accessTokenCookies.call(this, request) : [bearer];
    });
    await expectCaught('');
  });
});

describe('a build is caught that beside its refusal', () => {
  afterEach(() => vi.restoreAllMocks());

  const { refresh } = RequestRefresh.prototype;

  /** Does something beside each refresh with a token that is not authentic. */
  async function foundWhen(
    does: (refresher: RefresherParts, text: string) => unknown,
    range = { first: 0, count: 1_000 },
  ) {
    const { refusal } = RefreshTokenAuthenticator.prototype;
    const forged: string[] = [];
    vi.spyOn(RefreshTokenAuthenticator.prototype, 'refusal').mockImplementation(function (
      this: RefreshTokenAuthenticator,
      texts,
      how,
    ) {
      forged.push(...texts);
      return refusal.call(this, texts, how);
    });
    vi.spyOn(RequestRefresh.prototype, 'refresh').mockImplementation(async function (
      this: RequestRefresh,
      request,
      response,
    ) {
      const { refresher } = this as unknown as { refresher: RefresherParts };
      try {
        return await refresh.call(this, request, response);
      } finally {
        for (const text of forged.splice(0)) await does(refresher, text);
      }
    });
    const target: Target = { transfer: 'any', antiCsrf: 'VIA_FETCH_METADATA' };
    const campaign = await Campaign.against(target, { platform: 'fastify' });
    try {
      return await campaign.run({ seed: SEED, ...range });
    } finally {
      await campaign.close();
    }
  }

  it('asks the database for a forged token', { timeout: LONG }, async () => {
    const found = await foundWhen(({ store }) => store.find(newSessionHandle(0)));
    expect(found).toContain(': a query: SELECT');
  });

  it('writes the token to its log', { timeout: LONG }, async () => {
    const found = await foundWhen((_, text) => new Logger('SessionModule').warn(text));
    expect(found).toContain(': a line in the log');
  });

  it('says in an event that there was theft', { timeout: LONG }, async () => {
    const whose = { sessionHandle: 'x', userId: 'x', tenantId: 'x', atMs: 0 };
    const found = await foundWhen(async ({ events }) => {
      events.emit('theftDetected', whose);
      await nextTurn();
    });
    expect(found).toContain(': the event theftDetected');
  });

  it('ends a session of somebody else, in memory alone', { timeout: LONG }, async () => {
    const { isRevoked } = RevocationFeed.prototype;
    const known = new Set<string>();
    let isOver = false;
    vi.spyOn(RevocationFeed.prototype, 'isRevoked').mockImplementation(function (
      this: RevocationFeed,
      session,
    ) {
      if (isOver) return known.has(session.handle);
      known.add(session.handle);
      return isRevoked.call(this, session);
    });
    const found = await foundWhen(() => (isOver = true));
    expect(found).toContain(": somebody else's session is over");
  });

  it('remembers the token', { timeout: LONG }, async () => {
    const { find } = VerifiedTokenCache.prototype;
    const caches: VerifiedTokenCache[] = [];
    vi.spyOn(VerifiedTokenCache.prototype, 'find').mockImplementation(function (
      this: VerifiedTokenCache,
      token,
    ) {
      caches[0] = this;
      return find.call(this, token);
    });
    const found = await foundWhen((_, token) =>
      caches[0]?.remember({ token, claims: {} as never, key: {} as never }),
    );
    expect(found).toContain(': a token was remembered');
  });

  it('leaves something on a prototype', { timeout: LONG }, async () => {
    const everyones = Reflect.getPrototypeOf({}) ?? {};
    const found = await foundWhen(() => Reflect.set(everyones, 'role', 'admin'));
    Reflect.deleteProperty(everyones, 'role');
    expect(found).toContain(': a prototype changed');
  });

  it.each(engines)('changes a row, on %s', { timeout: LONG }, async (engine) => {
    const database = await createTestDatabase(engine);
    const scene = await Scene.open({ database: database.options });
    const { dataSource } = scene.booted;
    const fingerprint = RowFingerprint.of(dataSource);
    try {
      const before = await fingerprint.now();
      await dataSource.query('SELECT * FROM auth_session');
      expect(await fingerprint.now()).toBe(before);
      await dataSource.getRepository(Session).updateAll({ dataVersion: 7 });
      expect(await fingerprint.now()).not.toBe(before);
    } finally {
      await scene.close();
      await database.drop();
    }
  });

  it('works too long', { timeout: LONG }, async () => {
    const found = await foundWhen(() => {
      const before = process.cpuUsage();
      for (let micros = 0; micros < 60_000;) {
        const { user, system } = process.cpuUsage(before);
        micros = user + system;
      }
    });
    expect(found).toContain(' µs of work');
  });

  it('has Node warn of something', { timeout: LONG }, async () => {
    const found = await foundWhen(() => process.emitWarning('by a test of the fuzz'));
    expect(found).toContain(': a warning of Node');
  });

  it('closes the connection that others use too', { timeout: LONG }, async () => {
    const { writeTo } = FailureAnswer.prototype;
    vi.spyOn(FailureAnswer.prototype, 'writeTo').mockImplementation(function (
      this: FailureAnswer,
      request,
      response,
      error,
    ) {
      setHeader(asHttpResponse(response), 'connection', 'close');
      writeTo.call(this, request, response, error);
    });
    expect(await foundWhen(() => undefined)).toContain(': no answer, as answer ');
  });

  it('forgets a client whose answer was lost', { timeout: LONG }, async () => {
    const refresher = SessionRefresher.prototype as unknown as { sibling(): Promise<never> };
    vi.spyOn(refresher, 'sibling').mockRejectedValue(new UnauthorizedSessionException());
    const cases = Array.from({ length: 20_000 }, (_, index) => index);
    let found: string | undefined;
    for (const first of cases.filter((index) => isLostRefresh(SEED, index))) {
      found ??= await foundWhen(() => undefined, { first, count: 1 });
    }
    expect(found).toContain(': the same refresh again got 401 (a refresh that its client left)');
  });

  it('takes the cookies away', { timeout: LONG }, async () => {
    vi.spyOn(FailureAnswer.prototype, 'writeTo').mockImplementation(function (
      this: FailureAnswer,
      request,
      response,
    ) {
      const { writer } = this as unknown as { writer: TokenWriter };
      writer.clearAll(asHttpRequest(request), asHttpResponse(response));
    });
    expect(await foundWhen(() => undefined)).toContain(': the header set-cookie');
  });
});

describe('what was refused', () => {
  it('takes no memory afterwards', { timeout: LONG }, async () => {
    const scene = await Scene.open();
    const { access } = await scene.login('victim');
    const [header = '', , signature = ''] = access.split('.');
    const connection = new RawConnection(Number(new URL(scene.booted.url).port));
    const refuse = async (index: number): Promise<void> => {
      // Of our form in everything but its signature, and each another one.
      const token = `${header}.${index}${'A'.repeat(7_000)}.${signature}`;
      const lines = `Host: ${HOST}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
      const answer = await connection.send('GET', Buffer.from(`GET /me HTTP/1.1\r\n${lines}`));
      expect(answer.status).toBe(401);
    };
    try {
      for (let index = 0; index < 300; index += 1) await refuse(index);
      const before = heapInUse();
      for (let index = 300; index < 1_800; index += 1) await refuse(index);
      // Kept, they would be 10 MiB.
      expect(heapInUse() - before).toBeLessThan(5 * 2 ** 20);
      expect(scene.booted.app.get(VerifiedTokenCache).size).toBe(0);
    } finally {
      connection.close();
      await scene.close();
    }
  });
});

describe('what was refused, cut off or left', () => {
  it('leaves no memory and no handle behind', { timeout: LONG }, async () => {
    const target: Target = { transfer: 'any', antiCsrf: 'VIA_TOKEN' };
    const campaign = await Campaign.against(target, { platform: 'fastify' });
    try {
      expect(await campaign.run({ seed: SEED, first: 0, count: 300 })).toBeUndefined();
      const before = { heap: heapInUse(), handles: handlesInUse() };
      expect(await campaign.run({ seed: SEED, first: 300, count: 600 })).toBeUndefined();
      expect(await campaign.isLeftAlone()).toBe(true);
      expect(handlesInUse()).toEqual(before.handles);
      // Each of them kept would be 5 KiB.
      expect(heapInUse() - before.heap).toBeLessThan(2 * 2 ** 20);
    } finally {
      await campaign.close();
    }
  });
});

interface RefresherParts {
  readonly authenticator: RefreshTokenAuthenticator;
  readonly store: SessionStore;
  readonly events: SessionEventBus;
}

function claimsOf(token: string): AccessTokenClaims | undefined {
  try {
    return payloadOf(token) as AccessTokenClaims;
  } catch {
    return undefined;
  }
}

function kindOfFailure(report: string): string | undefined {
  return /\((?<kind>[^()]+)\) ->/.exec(report)?.groups?.['kind'];
}

/** What keeps a process alive, by kind; connections that wait to be used again come and go. */
function handlesInUse(): readonly string[] {
  const others = process.getActiveResourcesInfo().filter((kind) => kind !== 'TCPSocketWrap');
  return others.toSorted();
}
