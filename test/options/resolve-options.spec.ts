import { afterEach, describe, expect, it } from 'vitest';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';
import { SessionConfigurationError } from '../../lib/errors/session-configuration.error.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import type { ResolvedSessionOptions } from '../../lib/options/resolved-options.js';
import type { SessionModuleOptions } from '../../lib/options/session-module-options.js';

const DEVELOPMENT = { production: false };
const PRODUCTION = { production: true };
// 32 bytes as `openssl rand` prints them.
const BASE64_KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
const HEX_KEY = 'abcdef1234567890abcdef1234567890abcdef1234567890abcdef1234567890';
// A value that must never be shown again: it might be a password in the wrong place.
const SECRET = 'Tr0ub4dor&3-in-the-wrong-place';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'pro' });

function resolve(options: SessionModuleOptions = {}): ResolvedSessionOptions {
  return resolveSessionOptions(options, DEVELOPMENT);
}

function encryptionKeysOf({ encryptionKeys }: ResolvedSessionOptions): Buffer[] {
  return encryptionKeys.map((key) => key.export());
}

/** What the start says of options that TypeScript would mostly refuse. */
function refusalOf(options: unknown, environment = DEVELOPMENT): string {
  try {
    resolveSessionOptions(options as SessionModuleOptions, environment);
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a refusal of an option that takes values of several kinds', () => {
  it.each<[options: object, problem: string]>([
    [
      { maxSessionsPerUser: '5' },
      '`maxSessionsPerUser` must be a whole number from 1 to 10000, false or a plain object; got a string',
    ],
    [
      { deviceBinding: 'true' },
      '`deviceBinding` must be true, false or a plain object; got a string',
    ],
    [
      { tokenTransferMethod: 7 },
      '`tokenTransferMethod` must be one of "any", "cookie", "header", or a function; got a number',
    ],
  ])('names all of them, and nothing else: %j', (options, problem) => {
    expect(refusalOf(options)).toBe(`SessionModule cannot start:\n- ${problem}`);
  });
});

describe('the options, where none is given', () => {
  it('are these', () => {
    const { tokenTransferMethod, trustedOrigins, ...rest } = resolve();
    expect(rest).toStrictEqual({
      acceptsUnencryptedKeys: false,
      fixedTransferMethod: undefined,
      accessTokenLifetimeMs: 3_600_000,
      refreshTokenLifetimeMs: 8_640_000_000,
      nonPersistentLifetimeMs: 86_400_000,
      absoluteTimeoutMs: undefined,
      trustSameSite: true,
      rateLimit: false,
      kind: undefined,
      realm: '',
      refreshGracePeriodMs: 30_000,
      issuer: undefined,
      audience: undefined,
      signing: { algorithm: 'ES256', rotationIntervalMs: 604_800_000 },
      deviceBinding: false,
      encryptionKeys: [],
      endedSessionRetentionMs: 604_800_000,
      maxSessionsPerUser: false,
      cookie: {
        accessToken: {
          name: 'sAccessToken',
          secureName: '__Host-sAccessToken',
          olderSecureName: '__Host-sAccessToken',
          strongerNames: [],
          weakerNames: ['__Secure-sAccessToken', 'sAccessToken'],
          path: '/',
        },
        refreshToken: {
          name: 'sRefreshToken',
          secureName: '__Host-sRefreshToken',
          olderSecureName: '__Host-sRefreshToken',
          strongerNames: [],
          weakerNames: ['__Secure-sRefreshToken', 'sRefreshToken'],
          path: '/',
        },
        actorToken: {
          name: 'sRefreshToken-actor',
          secureName: '__Host-sRefreshToken-actor',
          olderSecureName: '__Host-sRefreshToken-actor',
          strongerNames: [],
          weakerNames: ['__Secure-sRefreshToken-actor', 'sRefreshToken-actor'],
          path: '/',
        },
        sameSite: 'lax',
        secure: 'auto',
        domain: undefined,
        olderDomain: undefined,
        partitioned: false,
      },
      persistent: true,
      databaseTimeoutMs: 5_000,
      antiCsrf: 'VIA_FETCH_METADATA',
      exposeAccessTokenToFrontendInCookieBasedAuth: false,
      frontTokenClaims: undefined,
      sessionExpiredStatusCode: 401,
      invalidClaimStatusCode: 403,
      revocation: { pollIntervalMs: 1_000, maxStalenessMs: 60_000 },
      live: { until: 'session', pending: 1_000 },
      verifiedTokenCache: { max: 10_000 },
      pruning: { intervalMs: 3_600_000 },
      device: { ip: false, userAgent: false, retentionMs: undefined },
      revokePreviousSession: true,
      claims: [],
      globalClaimValidators: [],
    });
    expect(tokenTransferMethod({}, 'create')).toBe('any');
    expect(trustedOrigins).toEqual(new Set());
  });

  it('are the same in production, but for cookies that are always Secure', () => {
    const { tokenTransferMethod: _1, ...inProduction } = resolveSessionOptions({}, PRODUCTION);
    const { tokenTransferMethod: _2, ...elsewhere } = resolve();
    const { accessToken } = inProduction.cookie;
    expect(inProduction.cookie).toMatchObject({ secure: true });
    expect(inProduction).toEqual({ ...elsewhere, cookie: inProduction.cookie });
    expect(accessToken.secureName).toBe(elsewhere.cookie.accessToken.secureName);
  });

  it('are the same where each is given as undefined', () => {
    const names = Object.keys(resolve()).map((name) => name.replace(/Ms$/, ''));
    const written = Object.fromEntries(
      names.filter((name) => !NO_OPTIONS.includes(name)).map((name) => [name, undefined]),
    );
    const { tokenTransferMethod: _1, ...given } = resolve(written);
    const { tokenTransferMethod: _2, ...absent } = resolve();
    expect(given).toEqual(absent);
  });
});

describe('the options, where they are given', () => {
  it('are taken over', () => {
    const resolved = resolve({
      accessTokenLifetime: '5m',
      refreshTokenLifetime: '30d',
      nonPersistentLifetime: 3600,
      absoluteTimeout: '90d',
      refreshGracePeriod: 0,
      issuer: 'https://api.example.com/auth',
      audience: 'shop',
      signing: { algorithm: 'RS256', rotationInterval: '1d' },
      encryptionKey: [BASE64_KEY, HEX_KEY],
      persistent: false,
      tokenTransferMethod: 'header',
      antiCsrf: 'VIA_TOKEN',
      trustedOrigins: ['https://www.example.com', 'http://localhost:5173', 'capacitor://localhost'],
      exposeAccessTokenToFrontendInCookieBasedAuth: true,
      frontTokenClaims: ['plan'],
      sessionExpiredStatusCode: 440,
      invalidClaimStatusCode: 418,
      revocation: { pollInterval: '5s', maxStaleness: false },
      verifiedTokenCache: { max: 5 },
      pruning: { interval: '1d' },
      device: { ip: true, userAgent: true },
      revokePreviousSession: false,
    });
    expect(resolved).toMatchObject({
      accessTokenLifetimeMs: 300_000,
      refreshTokenLifetimeMs: 2_592_000_000,
      nonPersistentLifetimeMs: 3_600_000,
      absoluteTimeoutMs: 7_776_000_000,
      refreshGracePeriodMs: 0,
      issuer: 'https://api.example.com/auth',
      audience: 'shop',
      signing: { algorithm: 'RS256', rotationIntervalMs: 86_400_000 },
      persistent: false,
      antiCsrf: 'VIA_TOKEN',
      exposeAccessTokenToFrontendInCookieBasedAuth: true,
      frontTokenClaims: new Set(['plan']),
      sessionExpiredStatusCode: 440,
      invalidClaimStatusCode: 418,
      revocation: { pollIntervalMs: 5_000, maxStalenessMs: false },
      verifiedTokenCache: { max: 5 },
      pruning: { intervalMs: 86_400_000 },
      device: { ip: true, userAgent: true },
      revokePreviousSession: false,
    });
    expect(encryptionKeysOf(resolved)).toEqual([
      Buffer.from(BASE64_KEY, 'base64'),
      Buffer.from(HEX_KEY, 'hex'),
    ]);
    expect(resolved.tokenTransferMethod({}, 'create')).toBe('header');
    expect([...resolved.trustedOrigins]).toEqual([
      'https://www.example.com',
      'http://localhost:5173',
      'capacitor://localhost',
    ]);
  });

  it('switch off the feed, the cache and the pruning by false', () => {
    const off = resolve({ revocation: false, verifiedTokenCache: false, pruning: false });
    expect(off).toMatchObject({ revocation: false, verifiedTokenCache: false, pruning: false });
  });

  it('keep the claims and the validators, in their order, and leave them as they are', () => {
    const isPaid = plan.validators.hasValue('pro');
    const resolved = resolve({ claims: [plan], globalClaimValidators: [isPaid] });
    expect(resolved.claims).toEqual([plan]);
    expect(resolved.globalClaimValidators).toEqual([isPaid]);
    expect(resolved.claims[0]).toBe(plan);
    expect(Object.isFrozen(isPaid)).toBe(false);
  });

  it('keep a function that chooses the transfer method', () => {
    const chooser = () => 'cookie' as const;
    expect(resolve({ tokenTransferMethod: chooser }).tokenTransferMethod).toBe(chooser);
  });

  it('demand a header from the client where cookies go to other sites', () => {
    expect(resolve({ cookie: { sameSite: 'none' } }).antiCsrf).toBe('VIA_CUSTOM_HEADER');
    expect(resolve({ cookie: { sameSite: 'strict' } }).antiCsrf).toBe('VIA_FETCH_METADATA');
  });

  it('shorten the life of a login without "remember me" where every session is shorter', () => {
    expect(resolve({ refreshTokenLifetime: '2h' }).nonPersistentLifetimeMs).toBe(7_200_000);
  });

  it('leave time to rotate before a session in use ends, where sessions are short', () => {
    const lifetimes = { accessTokenLifetime: '1m', refreshTokenLifetime: '2m' } as const;
    expect(resolve(lifetimes).refreshGracePeriodMs).toBe(15_000);
    expect(resolve({ ...lifetimes, refreshGracePeriod: '15s' }).refreshGracePeriodMs).toBe(15_000);
  });

  it('wait for news no shorter than they ask for them', () => {
    expect(resolve({ revocation: { pollInterval: '5m' } }).revocation).toEqual({
      pollIntervalMs: 300_000,
      maxStalenessMs: 300_000,
    });
  });

  it('are frozen, also inside', () => {
    const resolved = resolve({ encryptionKey: HEX_KEY });
    const inner = [resolved.cookie, resolved.cookie.accessToken, resolved.signing, resolved.device];
    for (const each of [resolved, ...inner, resolved.revocation, resolved.encryptionKeys]) {
      expect(Object.isFrozen(each)).toBe(true);
    }
  });

  it("leave the caller's object as it is, and follow no later change of it", () => {
    const origins = ['https://www.example.com'];
    const written = {
      trustedOrigins: origins,
      cookie: { domain: '.Example.com' },
      persistent: false,
    };
    const before = structuredClone(written);
    const resolved = resolve(written);
    expect(written).toEqual(before);
    expect(Object.isFrozen(written.cookie)).toBe(false);
    origins.push('https://evil.example');
    written.cookie.domain = 'evil.example';
    expect(resolved.trustedOrigins).toEqual(new Set(['https://www.example.com']));
    expect(resolved.cookie.domain).toBe('example.com');
  });
});

const notADuration = [
  SECRET,
  '',
  '60',
  '1 fortnight',
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  true,
  [],
  {},
  '1e99y',
];
const notABoolean = [SECRET, '', 'false', 'true', 0, 1, null, [], {}];
const notAnObject = [SECRET, '', 0, 1, null, [], true];
// Named otherwise than the options that they come from.
const NO_OPTIONS = ['encryptionKeys', 'acceptsUnencryptedKeys'];
const notAText = [0, null, true, [], {}, ''];

/** Option, what it is inside of, and values that no option of its kind may have. */
const refused: [path: string, values: unknown[]][] = [
  ['accessTokenLifetime', [...notADuration, 0, 0.5, '2000d']],
  ['refreshTokenLifetime', [...notADuration, 0, '500ms', '11y']],
  ['nonPersistentLifetime', [...notADuration, 0, '101d']],
  ['absoluteTimeout', [...notADuration, 0, '11y']],
  ['refreshGracePeriod', [...notADuration, 301, '6m', '1h']],
  [
    'issuer',
    [
      ...notAText,
      SECRET,
      'api.example.com',
      'ftp://example.com',
      'https://',
      'https://a.example/?x=1',
      'https://a.example/#x',
      `https://user:${SECRET}@a.example`,
      'https://a.example/'.padEnd(256, 'x'),
    ],
  ],
  ['audience', [...notAText, 'x'.repeat(256), ['shop']]],
  ['encryptionKeyMigration', [true, false, null, '', 'accept', SECRET, ['accept-unencrypted'], {}]],
  ['databaseTimeout', [...notADuration, 0, '50ms', '6m']],
  ['signing', notAnObject],
  ['signing.algorithm', [SECRET, '', 'HS256', 'none', 'es256', 'PS256', null, 256, ['ES256']]],
  ['signing.rotationInterval', [...notADuration, 0, '11y']],
  ['signing.kid', ['x']],
  [
    'encryptionKey',
    [
      ...notAText,
      SECRET,
      'changeme',
      'secret',
      HEX_KEY.slice(2),
      BASE64_KEY.slice(0, 40),
      '0'.repeat(64),
      'A'.repeat(44),
      [HEX_KEY, SECRET],
      [HEX_KEY, ''],
      [[HEX_KEY]],
      Buffer.from(HEX_KEY, 'hex'),
      `${HEX_KEY} `,
    ],
  ],
  ['cookie', notAnObject],
  ['cookie.path', [...notAText, SECRET, 'auth', '/a;b', '/a\nb', '/é', '/'.padEnd(1025, 'a')]],
  ['cookie.refreshPath', [...notAText, SECRET, 'auth', '/a;b', '/a\u0000']],
  ['cookie.sameSite', [SECRET, '', 'Lax', 'NONE', null, false, 0]],
  ['cookie.secure', [SECRET, '', 'true', null, 0, 1]],
  ['cookie.prefix', [SECRET, '__host-', '__Host', null, true]],
  [
    'cookie.domain',
    [
      ...notAText,
      SECRET,
      'https://example.com',
      'example.com:443',
      'example.com/',
      'a b',
      '-a.example',
      'a..example',
      'é.example',
      '.',
    ],
  ],
  ['cookie.olderDomain', [0, null, true, [], SECRET, 'https://example.com', 'example.com:443']],
  ['cookie.names', notAnObject],
  [
    'cookie.names.accessToken',
    [...notAText, 'a b', 'a=b', 'a;b', 'a,b', '"a"', 'é', '__Host-a', '__Secure-a', 'a'.repeat(65)],
  ],
  ['cookie.names.refreshToken', [...notAText, 'a\tb', 'sAccessToken']],
  ['cookie.names.other', ['x']],
  ['cookie.partitioned', notABoolean],
  ['cookie.maxAge', [3600]],
  ['persistent', notABoolean],
  ['tokenTransferMethod', [SECRET, '', 'Header', 'both', null, true, {}, ['cookie']]],
  ['antiCsrf', [SECRET, '', 'via_token', 'none', null, true, {}]],
  [
    'trustedOrigins',
    [
      SECRET,
      '*',
      'https://shop.example.org',
      null,
      true,
      {},
      ['*'],
      [SECRET],
      ['www.example.com'],
      ['https://www.example.com/'],
      ['https://*.example.com'],
      ['https://Example.com'],
      ['https://www.example.com:443'],
      ['null'],
      [''],
      [7],
      [null],
      ['capacitor://localhost/'],
      ['data:x'],
    ],
  ],
  ['exposeAccessTokenToFrontendInCookieBasedAuth', notABoolean],
  ['frontTokenClaims', [SECRET, null, true, {}, [''], [7], ['x'.repeat(256)]]],
  ['sessionExpiredStatusCode', [SECRET, '401', null, true, 0, 200, 399, 500, 401.5, Number.NaN]],
  ['invalidClaimStatusCode', [SECRET, '403', null, true, 0, 302, 500, 401]],
  ['revocation', [SECRET, '', 0, null, [], true]],
  ['revocation.pollInterval', [...notADuration, 0, '2h']],
  ['revocation.maxStaleness', [SECRET, '', '60', -1, Number.NaN, null, true, 0, 0.5, '2d']],
  ['revocation.interval', ['1s']],
  ['live', notAnObject],
  ['live.until', [SECRET, '', null, true, 'never']],
  ['live.pending', [SECRET, '10', -1, 1.5, Number.NaN, null, 1_000_001]],
  ['live.wait', ['5s']],
  ['verifiedTokenCache', [SECRET, '', 0, 10_000, null, [], true]],
  [
    'verifiedTokenCache.max',
    [SECRET, '10', 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, null, 10_000_001],
  ],
  ['verifiedTokenCache.ttl', [1]],
  ['pruning', [SECRET, '', 0, null, [], true]],
  ['pruning.interval', [...notADuration, 0, '2y']],
  ['pruning.batch', [1]],
  ['device', notAnObject],
  ['device.ip', notABoolean],
  ['device.userAgent', notABoolean],
  ['device.retention', [SECRET, 0, -1, null, '11y']],
  ['device.location', [true]],
  ['revokePreviousSession', notABoolean],
  ['dangerouslyAllowInsecureCookies', notABoolean],
  ['claims', [SECRET, null, true, {}, plan, [{ key: 'plan' }], [plan, null], [7]]],
  ['maxSessionsPerUser', [true, 0, -1, 1.5, SECRET]],
  ['maxSessionsPerUser.max', [undefined, null, 0, SECRET]],
  ['endedSessionRetention', [-1, SECRET, null, {}, Number.NaN]],
  ['encryptionKeyMigration', [SECRET, '', true, null, 'accept-unencrypted']],
  ['profile', [SECRET, 'aal4', null, 2]],
  [
    'globalClaimValidators',
    [SECRET, null, {}, [plan], [{ id: 'x' }], [{ id: 7, validate() {} }], [null]],
  ],
];

function optionsWith(path: string, value: unknown): unknown {
  return path.split('.').reduceRight((inner: unknown, name) => ({ [name]: inner }), value);
}

describe.each(refused)('the option %s', (path, values) => {
  it('stops the start where it is wrong, by its name and without its value', () => {
    for (const value of values) {
      const message = refusalOf(optionsWith(path, value));
      expect(message).toContain(`\`${path}\``);
      const hidden = typeof value === 'string' && value.length > 12 ? [SECRET, value] : [SECRET];
      expect(hidden.filter((text) => message.includes(text))).toEqual([]);
    }
  });
});

describe('options that are wrong', () => {
  it('are all told at once', () => {
    const message = refusalOf({
      accessTokenLifetime: 'soon',
      cookie: { sameSite: 'loose', names: { accessToken: '' } },
      device: { ip: 'yes' },
      acessTokenLifetime: '1h',
    });
    const told = message.split('\n').slice(1);
    expect(told.map((line) => /`(.+?)`/.exec(line)?.[1])).toEqual([
      'cookie.sameSite',
      'cookie.names.accessToken',
      'accessTokenLifetime',
      'device.ip',
      'acessTokenLifetime',
    ]);
  });

  it('are told with the entry of a list that is wrong', () => {
    const trustedOrigins = ['https://a.example', 'https://b.example/'];
    expect(() => resolve({ trustedOrigins })).toThrow(
      '`trustedOrigins` must be an array of origins such as https://www.example.com, ' +
        'without a path or a slash at the end, at most 10000; entry 1 is none',
    );
  });

  it('are told with what kind of value stands there and what is allowed', () => {
    expect(
      refusalOf({ accessTokenLifetime: 'soon', persistent: 1, signing: { algorithm: 'none' } }),
    ).toBe(
      'SessionModule cannot start:\n' +
        '- `accessTokenLifetime` must be a number of seconds or a string with a ' +
        "unit such as '30s' or '100d', from 1 to 86400000 seconds; got a string\n" +
        '- `signing.algorithm` must be one of "ES256", "RS256"; got a string\n' +
        '- `persistent` must be true or false; got a number',
    );
  });

  it('have a code that a program can tell', () => {
    expect(() => resolve({ persistent: null as unknown as boolean })).toThrow(
      expect.objectContaining({ name: 'SessionConfigurationError', code: 'SESSION_CONFIGURATION' }),
    );
  });
});

describe('an option that there is not', () => {
  it('is told with those that there are', () => {
    const message = refusalOf({ acessTokenLifetime: '1h', device: { ua: true } });
    expect(message).toContain('Unknown option `acessTokenLifetime`; known here: ');
    expect(message).toContain('accessTokenLifetime, ');
    expect(message).toContain('Unknown option `device.ua`; known here: ip, userAgent, retention');
  });

  it('is overlooked where it is undefined', () => {
    expect(refusalOf({ acessTokenLifetime: undefined })).toBe('accepted');
  });

  it.each(['kind', 'isGlobal', 'dataSource', 'apiBasePath', 'routes'])(
    'is %s in what a factory returns: Nest has to know it before',
    (name) =>
      expect(refusalOf({ [name]: 'x' })).toContain(
        `\`${name}\` comes too late: give it to \`forRootAsync\` beside the factory`,
      ),
  );

  it.each(['__proto__', 'constructor', 'toString'])('is %s', (name) => {
    const options: unknown = JSON.parse(`{"${name}":{"persistent":false}}`);
    expect(refusalOf(options)).toContain(`Unknown option \`${name}\``);
  });
});

describe('what stands in place of the options', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', SECRET],
    ['a number', 1],
    ['a boolean', true],
    ['an array', []],
    ['a function', () => ({})],
  ])('is refused where it is %s, as from a factory that does not return', (kind, value) => {
    expect(refusalOf(value)).toBe(
      `SessionModule cannot start: its options must be an object; got ${kind}`,
    );
  });
});

describe('an object of a kind of its own', () => {
  it.each([
    ['a promise that nobody has waited for', Promise.resolve({ persistent: false })],
    ['a map', new Map([['persistent', false]])],
    ['a date', new Date(0)],
  ])('never means the defaults: %s', (_, value) => {
    expect(refusalOf(value)).toBe('SessionModule cannot start: its options must be a plain object');
    expect(refusalOf({ device: value })).toContain(
      '`device` must be a plain object; got an object',
    );
  });

  it("is read where its class is the application's, with what its getters give", () => {
    class Settings {
      readonly device = new DeviceSettings();
    }
    class DeviceSettings {
      get ip(): boolean {
        return true;
      }
    }
    expect(resolve(new Settings()).device.ip).toBe(true);
  });
});

describe('an option that every object has by a polluted prototype', () => {
  const shared: object = Object.prototype;
  afterEach(() => Reflect.deleteProperty(shared, 'domain'));

  it('is no option', () => {
    Object.defineProperty(shared, 'domain', { value: 'a.example', configurable: true });
    expect(resolve({ cookie: {} }).cookie.domain).toBeUndefined();
  });
});

describe('lifetimes that contradict each other', () => {
  it.each([
    ['accessTokenLifetime', { accessTokenLifetime: '1h', refreshTokenLifetime: '1h' }],
    ['accessTokenLifetime', { accessTokenLifetime: '101d' }],
    ['nonPersistentLifetime', { nonPersistentLifetime: '2d', refreshTokenLifetime: '1d' }],
    [
      'refreshGracePeriod',
      { accessTokenLifetime: '1m', refreshTokenLifetime: '2m', refreshGracePeriod: '16s' },
    ],
    ['revocation.maxStaleness', { revocation: { pollInterval: '10s', maxStaleness: '5s' } }],
    ['invalidClaimStatusCode', { sessionExpiredStatusCode: 403 }],
  ] as const)('stop the start by the name of %s', (path, options) => {
    expect(refusalOf(options)).toContain(`\`${path}\``);
  });
});

describe('cookies that browsers refuse or that everybody reads', () => {
  it.each([
    ['cookie.secure', { cookie: { secure: false } }, PRODUCTION],
    ['cookie.secure', { cookie: { secure: false, sameSite: 'none' } }, DEVELOPMENT],
    ['cookie.secure', { cookie: { secure: false, partitioned: true } }, DEVELOPMENT],
    ['cookie.prefix', { cookie: { secure: false, prefix: '__Host-' } }, DEVELOPMENT],
    ['cookie.prefix', { cookie: { secure: false, prefix: '__Secure-' } }, DEVELOPMENT],
    ['cookie.prefix', { cookie: { prefix: '__Host-', domain: 'example.com' } }, DEVELOPMENT],
    ['cookie.prefix', { cookie: { prefix: '__Host-', path: '/app' } }, DEVELOPMENT],
    ['cookie.prefix', { cookie: { prefix: '__Host-', refreshPath: '/auth' } }, DEVELOPMENT],
    ['antiCsrf', { cookie: { sameSite: 'none' }, antiCsrf: 'NONE' }, DEVELOPMENT],
  ] as const)('stop the start by the name of %s', (path, options, environment) => {
    expect(refusalOf(options, environment)).toContain(`\`${path}\``);
  });

  it('are allowed without Secure in development, and in production by a second option', () => {
    expect(refusalOf({ cookie: { secure: false } })).toBe('accepted');
    const dangerous = { cookie: { secure: false }, dangerouslyAllowInsecureCookies: true };
    expect(refusalOf(dangerous, PRODUCTION)).toBe('accepted');
  });

  it.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN'] as const)(
    'are allowed to other sites with %s',
    (antiCsrf) => expect(refusalOf({ cookie: { sameSite: 'none' }, antiCsrf })).toBe('accepted'),
  );
});

describe('the names of the cookies', () => {
  it.each([
    ['sRefreshToken', 'refreshToken', 'is the same as `accessToken`'],
    ['sRefreshToken-actor', 'accessToken', "is the name of the actor's cookie"],
  ])(
    'are refused where the access cookie has the name of another one: %s',
    (accessToken, name, why) => {
      const same = { cookie: { names: { accessToken } } };
      expect(refusalOf(same)).toContain(`\`cookie.names.${name}\` ${why}`);
    },
  );
});

describe('the names of the cookies where they can be Secure', () => {
  it.each([
    ['__Host- for both', {}, '__Host-sAccessToken', '__Host-sRefreshToken'],
    [
      '__Secure- with a domain',
      { domain: 'example.com' },
      '__Secure-sAccessToken',
      '__Secure-sRefreshToken',
    ],
    [
      '__Secure- for the one with a path',
      { refreshPath: '/auth' },
      '__Host-sAccessToken',
      '__Secure-sRefreshToken',
    ],
    [
      '__Secure- by option',
      { prefix: '__Secure-' },
      '__Secure-sAccessToken',
      '__Secure-sRefreshToken',
    ],
    ['__Host- by option', { prefix: '__Host-' }, '__Host-sAccessToken', '__Host-sRefreshToken'],
    ['plain by option', { prefix: '' }, 'sAccessToken', 'sRefreshToken'],
    ['plain where they are never Secure', { secure: false }, 'sAccessToken', 'sRefreshToken'],
    ['named as asked', { names: { accessToken: 'a', refreshToken: 'r' } }, '__Host-a', '__Host-r'],
    [
      '__Host- where the domain is no domain',
      { domain: 'localhost' },
      '__Host-sAccessToken',
      '__Host-sRefreshToken',
    ],
  ] as const)('are %s', (_, cookie, accessName, refreshName) => {
    const resolved = resolve({ cookie });
    expect(resolved.cookie.accessToken.secureName).toBe(accessName);
    expect(resolved.cookie.refreshToken.secureName).toBe(refreshName);
  });
});

describe('the domain of the cookies', () => {
  it.each([
    ['example.com', 'example.com'],
    ['.example.com', 'example.com'],
    [' Example.COM ', 'example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    // Browsers refuse these; the cookies then belong to the one host.
    ['localhost', undefined],
    ['127.0.0.1', undefined],
    ['192.168.1.5', undefined],
  ])('%j is %j', (domain, resolved) => {
    expect(resolve({ cookie: { domain } }).cookie.domain).toBe(resolved);
  });

  it('of before may have been none, or another, but not the same', () => {
    const olderOf = (domain: string, olderDomain: string) =>
      resolve({ cookie: { domain, olderDomain } }).cookie.olderDomain;
    expect(olderOf('example.com', '')).toBe('');
    expect(olderOf('app.example.com', '.Example.com')).toBe('example.com');
    const same = { cookie: { domain: 'example.com', olderDomain: 'example.com' } };
    expect(refusalOf(same)).toContain('`cookie.olderDomain` is the same as `domain`');
  });
});

describe('an encryption key', () => {
  it.each([
    ['one byte, in hex', '0'.repeat(64)],
    ['one byte, in base64', Buffer.alloc(32, 7).toString('base64')],
    ['a few bytes', 'deadbeef'.repeat(8)],
    ['one byte, beside a good key', [HEX_KEY, Buffer.alloc(32).toString('base64')]],
  ])('that repeats %s is refused for that reason', (_, encryptionKey) => {
    expect(refusalOf({ encryptionKey })).toContain(
      '`encryptionKey` is not random enough: the same bytes repeat; openssl rand -base64 32 makes a good one',
    );
  });

  it('may come to keys in clear only where it is given', () => {
    const encryptionKeyMigration = 'accept-unencrypted';
    expect(resolve({ encryptionKey: HEX_KEY, encryptionKeyMigration }).acceptsUnencryptedKeys).toBe(
      true,
    );
    expect(refusalOf({ encryptionKeyMigration })).toContain(
      '`encryptionKeyMigration` needs `encryptionKey`',
    );
  });

  it.each([
    ['base64', BASE64_KEY, Buffer.from(BASE64_KEY, 'base64')],
    ['base64 without padding', BASE64_KEY.replace('=', ''), Buffer.from(BASE64_KEY, 'base64')],
    ['base64url', Buffer.from(HEX_KEY, 'hex').toString('base64url'), Buffer.from(HEX_KEY, 'hex')],
    ['hex', HEX_KEY, Buffer.from(HEX_KEY, 'hex')],
    ['upper-case hex', HEX_KEY.toUpperCase(), Buffer.from(HEX_KEY, 'hex')],
    ['longer than it need be', HEX_KEY + HEX_KEY, Buffer.from(HEX_KEY + HEX_KEY, 'hex')],
  ])('may be %s', (_, text, bytes) => {
    expect(encryptionKeysOf(resolve({ encryptionKey: text }))).toEqual([bytes]);
  });
});

describe('keys in clear', () => {
  it('are accepted where the operator says so, for a time', () => {
    const options = {
      encryptionKey: HEX_KEY,
      encryptionKeyMigration: 'accept-unencrypted',
    } as const;
    expect(resolve(options).acceptsUnencryptedKeys).toBe(true);
    expect(resolve({ encryptionKey: HEX_KEY }).acceptsUnencryptedKeys).toBe(false);
  });

  it('need no leave where there is nothing to encrypt them with', () => {
    expect(refusalOf({ encryptionKeyMigration: 'accept-unencrypted' })).toContain(
      '`encryptionKeyMigration` needs `encryptionKey`',
    );
  });
});
