import fc from 'fast-check';
import { PrimitiveClaim, type Duration, type SessionModuleOptions } from '../../lib/index.js';

const DAY = 86_400;
const TEN_YEARS = 3650 * DAY;
const KEYS = [
  'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
  'abcdef1234567890abcdef1234567890abcdef1234567890abcdef1234567890',
];

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'pro' });

class PlanClaim extends PrimitiveClaim<string> {}

class PaidValidator {
  readonly id = 'paid';
}

function durationOf(seconds: number): fc.Arbitrary<Duration> {
  return fc.constantFrom<Duration>(
    seconds,
    `${seconds}s`,
    `${seconds} seconds`,
    `${seconds * 1000}ms`,
  );
}

function duration(min: number, max: number): fc.Arbitrary<Duration> {
  return fc.integer({ min, max }).chain(durationOf);
}

function optional<T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<
  Partial<T>
> {
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

/** Lives that contain each other: an access token's, a login's without "remember me", a session's. */
const lifetimes: fc.Arbitrary<SessionModuleOptions> = fc
  .record({
    access: fc.integer({ min: 1, max: 1000 * DAY }),
    more: fc.integer({ min: 1, max: 100 * DAY }),
    most: fc.integer({ min: 0, max: 1000 * DAY }),
    grace: fc.double({ min: 0, max: 1, noNaN: true }),
    absolute: fc.option(fc.integer({ min: 1, max: TEN_YEARS }), { nil: undefined }),
  })
  .chain(({ access, more, most, grace, absolute }) =>
    fc.record({
      accessTokenLifetime: durationOf(access),
      nonPersistentLifetime: durationOf(access + more),
      refreshTokenLifetime: durationOf(access + more + most),
      refreshGracePeriod: durationOf(Math.floor(Math.min(300, more / 4) * grace)),
      ...(absolute === undefined ? {} : { absoluteTimeout: durationOf(absolute) }),
    }),
  );

const profile = fc.constantFrom('aal1', 'aal2', 'aal3').map((each): SessionModuleOptions => ({
  profile: each,
}));

const cookie = fc
  .record({
    sameSite: fc.constantFrom('strict', 'lax', 'none'),
    secure: fc.constantFrom(true, 'auto'),
    path: fc.constantFrom('/', '/app', '/a b'),
    refreshPath: fc.constantFrom('/', '/auth/session/refresh'),
    domain: fc.constantFrom(undefined, 'example.com', '.Example.com', 'localhost', '127.0.0.1'),
    olderDomain: fc.constantFrom(undefined, 'older.example', 'app.example.com'),
    partitioned: fc.boolean(),
    prefix: fc.constantFrom('auto', '__Host-', '__Secure-', ''),
    names: fc.constantFrom({}, { accessToken: 'a' }, { accessToken: 'a', refreshToken: 'r' }),
  })
  .map(({ prefix, domain, ...rest }) => {
    const isShared = domain !== undefined && /example/i.test(domain);
    const isHost = !isShared && rest.path === '/' && rest.refreshPath === '/';
    return { ...rest, domain, prefix: prefix === '__Host-' && !isHost ? 'auto' : prefix };
  });

const limit = fc.oneof(
  fc.constant(false as const),
  fc.record({ max: fc.integer({ min: 1, max: 1_000_000 }), per: duration(1, DAY) }),
);

const revocation = fc.oneof(
  fc.constant(false as const),
  fc
    .record({
      poll: fc.integer({ min: 1, max: 3600 }),
      more: fc.integer({ min: 0, max: DAY - 3600 }),
    })
    .chain(({ poll, more }) =>
      fc.record({
        pollInterval: durationOf(poll),
        maxStaleness: fc.oneof(fc.constant(false as const), durationOf(poll + more)),
      }),
    ),
);

const others = optional({
  issuer: fc.constantFrom('https://api.example.com/auth', 'http://localhost:3000'),
  audience: fc.string({ minLength: 1, maxLength: 255 }),
  signing: optional({
    algorithm: fc.constantFrom('ES256', 'RS256'),
    rotationInterval: duration(1, TEN_YEARS),
  }),
  encryptionKey: fc.oneof(fc.constantFrom(...KEYS), fc.constant(KEYS)),
  cookie: optional({ path: fc.constant('/') }),
  persistent: fc.boolean(),
  tokenTransferMethod: fc.oneof(
    fc.constantFrom('any', 'cookie', 'header'),
    fc.constant(() => 'cookie' as const),
  ),
  antiCsrf: fc.constantFrom('VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN'),
  trustedOrigins: fc.subarray(['https://www.example.com', 'capacitor://localhost']),
  trustSameSite: fc.boolean(),
  exposeAccessTokenToFrontendInCookieBasedAuth: fc.boolean(),
  frontTokenClaims: fc.array(fc.string({ minLength: 1, maxLength: 255 }), { maxLength: 5 }),
  sessionExpiredStatusCode: fc.integer({ min: 404, max: 499 }),
  invalidClaimStatusCode: fc.constantFrom(400, 403),
  revocation,
  live: optional({
    until: fc.constantFrom('session' as const, 'token' as const),
    pending: fc.integer({ min: 0, max: 1_000_000 }),
  }),
  verifiedTokenCache: fc.oneof(
    fc.constant(false as const),
    optional({ max: fc.integer({ min: 1, max: 10_000_000 }) }),
  ),
  databaseTimeout: duration(1, 300),
  pruning: fc.oneof(fc.constant(false as const), optional({ interval: duration(1, 365 * DAY) })),
  endedSessionRetention: fc.oneof(fc.constant(-0), duration(0, TEN_YEARS)),
  maxSessionsPerUser: fc.oneof(
    fc.constant(false as const),
    fc.integer({ min: 1, max: 10_000 }),
    fc.record({
      max: fc.integer({ min: 1, max: 10_000 }),
      onLimit: fc.constantFrom('evict-oldest', 'refuse'),
    }),
  ),
  rateLimit: fc.oneof(
    fc.constant(false as const),
    optional({
      logins: limit,
      refreshes: limit,
      failures: limit,
      counter: fc.constant(0).map(() => ({ count: 0, add: () => 0 })),
    }),
  ),
  device: optional({
    ip: fc.constantFrom(true, false, 'truncated'),
    userAgent: fc.boolean(),
    retention: duration(1, TEN_YEARS),
  }),
  revokePreviousSession: fc.boolean(),
  claims: fc.subarray([plan, 'PLAN', Symbol.for('plan'), PlanClaim]),
  globalClaimValidators: fc.subarray([plan.validators.hasValue('pro'), 'PAID', PaidValidator]),
  dangerouslyAllowInsecureCookies: fc.boolean(),
});

const deviceBinding = fc.constantFrom<SessionModuleOptions['deviceBinding']>(
  undefined,
  false,
  true,
  {},
  { accessTokenLifetime: '5m' },
  { accessTokenLifetime: 600 },
);

/** Whether browsers can bind sessions with these options, whose lifetimes are the default or a profile's. */
function canBind({
  antiCsrf,
  accessTokenLifetime,
  tokenTransferMethod,
  cookie: itsCookie,
}: SessionModuleOptions): boolean {
  const { sameSite, partitioned, domain } = itsCookie ?? {};
  const isForOneHost = sameSite !== 'none' && partitioned !== true && domain === undefined;
  if (tokenTransferMethod === 'header') return false;
  return antiCsrf !== 'VIA_TOKEN' && accessTokenLifetime === undefined && isForOneHost;
}

/** Options that the module has to start with. */
export const validOptions: fc.Arbitrary<SessionModuleOptions> = fc
  .tuple(others, fc.oneof(lifetimes, profile, fc.constant({})), fc.option(cookie), deviceBinding)
  .map(([rest, lives, itsCookie, binding]) => {
    const unbound = {
      ...rest,
      ...lives,
      ...(itsCookie === null ? {} : { cookie: itsCookie }),
    } as SessionModuleOptions;
    return binding === undefined || !canBind(unbound)
      ? unbound
      : { ...unbound, deviceBinding: binding };
  });
