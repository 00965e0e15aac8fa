import { randomInt } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AntiCsrf } from '../../lib/http/anti-csrf/anti-csrf.js';
import { TokenReader } from '../../lib/http/transport/token-reader.js';
import { SessionRefresher } from '../../lib/session/session-refresher.js';
import { SessionVerifier } from '../../lib/session/session-verifier.js';
import type { AccessTokenClaims } from '../../lib/tokens/access-token.js';
import { sessionHandleFromBytes } from '../../lib/tokens/session-handle.js';
import type { Platform } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { Campaign } from '../support/fuzz/campaign.js';
import type { Target } from '../support/fuzz/bad-requests.js';
import { payloadOf } from '../support/scene.js';
import { KEY } from '../support/refresh-token-key.js';

const CASES = Number(process.env['FUZZ_CASES'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const LONG = 60_000 + CASES * 30;

const ON_SQLITE: readonly (readonly [Platform, Target])[] = [
  ['express', { transfer: 'any', antiCsrf: 'VIA_FETCH_METADATA' }],
  ['fastify', { transfer: 'any', antiCsrf: 'VIA_FETCH_METADATA' }],
  ['express', { transfer: 'cookie', antiCsrf: 'VIA_TOKEN' }],
  ['fastify', { transfer: 'cookie', antiCsrf: 'VIA_TOKEN' }],
  ['express', { transfer: 'any', antiCsrf: 'VIA_CUSTOM_HEADER' }],
  ['fastify', { transfer: 'cookie', antiCsrf: 'VIA_CUSTOM_HEADER' }],
  ['express', { transfer: 'header', antiCsrf: 'VIA_TOKEN' }],
  ['fastify', { transfer: 'header', antiCsrf: 'VIA_FETCH_METADATA' }],
];

const share = (part: number): number => Math.max(1, Math.ceil(CASES * part));

describe('every bad request is refused and changes nothing', () => {
  it.each(ON_SQLITE)(
    'on %s with %o',
    async (platform, target) => {
      const campaign = await Campaign.against(target, { platform });
      try {
        expect(await campaign.run(SEED, share(0.9 / ON_SQLITE.length))).toBeUndefined();
      } finally {
        await campaign.close();
      }
    },
    LONG,
  );
});

describeOnEachServer('every bad request is refused and changes nothing', (engine) => {
  it.each(['express', 'fastify'] as const)(
    'on %s',
    async (platform) => {
      const database = await createTestDatabase(engine);
      const target = { transfer: 'any', antiCsrf: 'VIA_FETCH_METADATA' } as const;
      const campaign = await Campaign.against(target, { platform, database: database.options });
      try {
        expect(await campaign.run(SEED, share(0.025))).toBeUndefined();
      } finally {
        await campaign.close();
        await database.drop();
      }
    },
    LONG,
  );
});

describe('a build with one check removed is caught:', () => {
  afterEach(() => vi.restoreAllMocks());

  const cookies: Target = { transfer: 'cookie', antiCsrf: 'VIA_FETCH_METADATA' };

  async function expectCaught(target = cookies): Promise<void> {
    const campaign = await Campaign.against(target, { platform: 'express' });
    try {
      expect(await campaign.run(SEED, 3_000)).toMatch(/FUZZ_SEED=\d+, case \d+/);
    } finally {
      await campaign.close();
    }
  }

  it(
    'the check against CSRF',
    async () => {
      vi.spyOn(AntiCsrf.prototype, 'isAllowed').mockReturnValue(true);
      await expectCaught();
    },
    LONG,
  );

  it(
    'the anti-CSRF token',
    async () => {
      vi.spyOn(AntiCsrf.prototype, 'matches').mockReturnValue(true);
      await expectCaught({ transfer: 'cookie', antiCsrf: 'VIA_TOKEN' });
    },
    LONG,
  );

  it(
    'the signature of an access token',
    async () => {
      vi.spyOn(SessionVerifier.prototype, 'verify').mockImplementation((token) => {
        const claims = claimsOf(token);
        if (claims === undefined) {
          return Promise.resolve({ kind: 'try-refresh', reason: 'none' } as const);
        }
        const key = { kid: '', algorithm: 'ES256', publicKey: undefined as never } as const;
        return Promise.resolve({ kind: 'valid', token: { token, claims, key } } as const);
      });
      await expectCaught();
    },
    LONG,
  );

  it(
    'the MAC of a refresh token',
    async () => {
      vi.spyOn(SessionRefresher.prototype, 'authenticate').mockImplementation((text) => {
        const bytes = Buffer.from(text.slice('nasr_'.length), 'base64url');
        const sessionHandle =
          bytes.length === 113 ? sessionHandleFromBytes(bytes.subarray(13, 29)) : undefined;
        if (sessionHandle === undefined) return Promise.resolve(undefined);
        const parentHash = bytes.toString('hex', 49, 81);
        const generation = bytes.readUInt32BE(29);
        const claims = {
          sessionHandle,
          generation,
          parentHash,
          keyId: KEY.id,
          hash: 'f'.repeat(64),
        };
        return Promise.resolve({ text, claims, key: KEY });
      });
      await expectCaught();
    },
    LONG,
  );

  it(
    'the second cookie of a name',
    async () => {
      const accessTokenCookies = TokenReader.prototype.accessTokenCookies;
      vi.spyOn(TokenReader.prototype, 'accessTokenCookies').mockImplementation(function (
        this: TokenReader,
        request,
      ) {
        return accessTokenCookies.call(this, request).slice(0, 1);
      });
      await expectCaught();
    },
    LONG,
  );
});

function claimsOf(token: string): AccessTokenClaims | undefined {
  try {
    return payloadOf(token) as AccessTokenClaims;
  } catch {
    return undefined;
  }
}
