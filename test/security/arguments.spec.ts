import { ServerResponse, type IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  EmailVerificationClaim,
  PermissionClaim,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  SessionClaim,
  SessionContainer,
  SessionException,
  SessionInputException,
  SessionService,
  SessionStoreUnavailableException,
  UserRoleClaim,
} from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { RowFingerprint } from '../support/fuzz/row-fingerprint.js';
import { anyValue, hostileValues, MARKER } from '../support/hostile-values.js';
import { HOST } from '../support/scene.js';

/** A value in place of one argument, all others being good. */
type Call = (value: never, stage: Stage) => unknown;
/** The arguments of a function by their names, each with a call. */
type Calls = Readonly<Record<string, Call>>;

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'gold' });
/** What a refusal may call an argument beside its name: an option in it, or where it goes. */
const ALSO_CALLED: Readonly<Record<string, RegExp>> = {
  value: /claim|accessTokenPayload/,
  data: /sessionDataInDatabase/,
  options:
    /options|userId|by|persistent|sessionRequired|checkDatabase|antiCsrfCheck|overrideGlobalClaimValidators/,
  overrideGlobalClaimValidators: /validators/i,
};

const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean';
const isText = (value: unknown): boolean => typeof value === 'string';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isLeftOut = (value: unknown): boolean => value === undefined;
const never = (): boolean => false;

/** The values with which a function may do its work; any other has to be refused, or to find nothing. */
const MAY_BE: Readonly<Record<string, (value: unknown) => boolean>> = {
  request: never,
  response: never,
  accessToken: never,
  refreshToken: never,
  antiCsrfToken: never,
  manager: never,
  actor: never,
  claim: never,
  exceptHandle: never,
  session: never,
  onEnd: (value) => typeof value === 'function',
  scope: () => true,
  userId: isText,
  tenantId: (value) => isLeftOut(value) || isText(value),
  by: (value) => isLeftOut(value) || isText(value),
  kid: () => true,
  ip: () => true,
  sessionHandle: () => true,
  accessTokenPayload: (value) => isLeftOut(value) || value === null || isObject(value),
  sessionDataInDatabase: (value) => isLeftOut(value) || value === null || isObject(value),
  data: (value) => value === null || isObject(value),
  payload: (value) => isLeftOut(value) || isObject(value),
  options: (value) => isLeftOut(value) || (isObject(value) && !Array.isArray(value)),
  value: (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value),
  validitySeconds: (value) => isLeftOut(value) || typeof value === 'number',
  validators: (value) => Array.isArray(value) && value.length === 0,
  sessionHandles: Array.isArray,
  overrideGlobalClaimValidators: isLeftOut,
  transferMethod: isLeftOut,
  persistent: isFlag,
  sessionRequired: isFlag,
  checkDatabase: isFlag,
  antiCsrfCheck: isFlag,
  disableAntiCsrf: isFlag,
  useStaticSigningKey: isFlag,
};

const SERVICE: Record<keyof SessionService, Calls> = {
  watch: {
    session: (value, { service }) => service.watch(value, () => undefined),
    onEnd: (value, { service, session }) => service.watch(session, value),
  },
  createNewSession: {
    request: (value, { service, response }) =>
      service.createNewSession(value, response(), 'public', 'new'),
    response: (value, { service, request }) =>
      service.createNewSession(request(), value, 'public', 'new'),
    tenantId: (value, { service, request, response }) =>
      service.createNewSession(request(), response(), value, 'new'),
    userId: (value, { service, request, response }) =>
      service.createNewSession(request(), response(), 'public', value),
    accessTokenPayload: (value, { service, request, response }) =>
      service.createNewSession(request(), response(), 'public', 'new', value),
    sessionDataInDatabase: (value, { service, request, response }) =>
      service.createNewSession(request(), response(), 'public', 'new', {}, value),
    options: (value, { service, request, response }) =>
      service.createNewSession(request(), response(), 'public', 'new', {}, {}, value),
    persistent: (value, { service, request, response }) =>
      service.createNewSession(
        request(),
        response(),
        'public',
        'new',
        {},
        {},
        { persistent: value },
      ),
  },
  impersonate: {
    request: (value, { service, response, session: actor }) =>
      service.impersonate(value, response(), { actor, userId: 'new', reason: 'test' }),
    options: (value, { service, request, response }) =>
      service.impersonate(request(), response(), value),
    userId: (value, { service, request, response, session: actor }) =>
      service.impersonate(request(), response(), { actor, userId: value, reason: 'test' }),
    actor: (value, { service, request, response }) =>
      service.impersonate(request(), response(), { actor: value, userId: 'new', reason: 'test' }),
  },
  endImpersonation: {
    request: (value, { service, response }) => service.endImpersonation(value, response()),
    response: (value, { service, request }) => service.endImpersonation(request(), value),
  },
  reauthenticate: {
    request: (value, { service, response }) => service.reauthenticate(value, response(), 'owner'),
    userId: (value, { service, request, response }) =>
      service.reauthenticate(request(), response(), value),
  },
  getSession: {
    request: (value, { service, response }) => service.getSession(value, response()),
    response: (value, { service, request }) => service.getSession(request(), value),
    options: (value, { service, request, response }) =>
      service.getSession(request(), response(), value),
    sessionRequired: (value, { service, request, response }) =>
      service.getSession(request(), response(), { sessionRequired: value }),
    checkDatabase: (value, { service, request, response }) =>
      service.getSession(request(), response(), { checkDatabase: value }),
    antiCsrfCheck: (value, { service, request, response }) =>
      service.getSession(request(), response(), { antiCsrfCheck: value }),
    overrideGlobalClaimValidators: (value, { service, request, response }) =>
      service.getSession(request(), response(), { overrideGlobalClaimValidators: value }),
    validators: (value, { service, request, response }) =>
      service.getSession(request(), response(), { overrideGlobalClaimValidators: () => [value] }),
  },
  getSessionOfHandshake: {
    request: (value, { service }) => service.getSessionOfHandshake(value),
    options: (value, { service, request }) => service.getSessionOfHandshake(request(), value),
  },
  limitLogin: {
    request: (value, { service }) => service.limitLogin(value),
    ip: (value, { service, request }) => service.limitLogin({ ...request(), ip: value }),
  },
  countFailedLogin: {
    request: (value, { service }) => service.countFailedLogin(value),
    ip: (value, { service, request }) => service.countFailedLogin({ ...request(), ip: value }),
  },
  revokeAllSessionsOfTenant: {
    tenantId: (value, { service }) => service.revokeAllSessionsOfTenant(value),
  },
  getSessionWithoutRequestResponse: {
    accessToken: (value, { service }) => service.getSessionWithoutRequestResponse(value),
    antiCsrfToken: (value, { service, tokens }) =>
      service.getSessionWithoutRequestResponse(tokens.accessToken, value),
    options: (value, { service, tokens }) =>
      service.getSessionWithoutRequestResponse(tokens.accessToken, tokens.antiCsrfToken, value),
    checkDatabase: (value, { service, tokens }) =>
      service.getSessionWithoutRequestResponse(tokens.accessToken, tokens.antiCsrfToken, {
        checkDatabase: value,
      }),
  },
  refreshSession: {
    request: (value, { service, response }) => service.refreshSession(value, response()),
  },
  refreshSessionWithoutRequestResponse: {
    refreshToken: (value, { service }) => service.refreshSessionWithoutRequestResponse(value),
    disableAntiCsrf: (value, { service, tokens }) =>
      service.refreshSessionWithoutRequestResponse(tokens.refreshToken, value),
    antiCsrfToken: (value, { service, tokens }) =>
      service.refreshSessionWithoutRequestResponse(tokens.refreshToken, false, value),
  },
  withManager: {
    manager: (value, { service }) => service.withManager(value).revokeAllSessionsForUser('owner'),
  },
  createJWT: {
    payload: (value, { service }) => service.createJWT(value),
    validitySeconds: (value, { service }) => service.createJWT({}, value),
    useStaticSigningKey: (value, { service }) => service.createJWT({}, 60, value),
  },
  getJWKS: {},
  getOpenIdDiscoveryConfiguration: {},
  getAllCORSHeaders: {},
  revokeKey: { kid: (value, { service }) => service.revokeKey(value) },
  addRefreshTokenSecret: {},
  revokeEverything: {},
  fetchAndSetClaim: {
    sessionHandle: (value, { service }) => service.fetchAndSetClaim(value, plan),
    claim: (value, { service, handle }) => service.fetchAndSetClaim(handle, value),
  },
  setClaimValue: {
    sessionHandle: (value, { service }) => service.setClaimValue(value, plan, 'gold'),
    claim: (value, { service, handle }) => service.setClaimValue(handle, value, MARKER),
    value: (value, { service, handle }) => service.setClaimValue(handle, plan, value),
  },
  getClaimValue: {
    sessionHandle: (value, { service }) => service.getClaimValue(value, plan),
    claim: (value, { service, handle }) => service.getClaimValue(handle, value),
  },
  removeClaim: {
    sessionHandle: (value, { service }) => service.removeClaim(value, plan),
    claim: (value, { service, handle }) => service.removeClaim(handle, value),
  },
  markClaimsStale: { userId: (value, { service }) => service.markClaimsStale(value) },
  validateClaimsForSessionHandle: {
    sessionHandle: (value, { service }) => service.validateClaimsForSessionHandle(value),
    overrideGlobalClaimValidators: (value, { service, handle }) =>
      service.validateClaimsForSessionHandle(handle, value),
    validators: (value, { service, handle }) =>
      service.validateClaimsForSessionHandle(handle, () => [value]),
  },
  createNewSessionWithoutRequestResponse: {
    tenantId: (value, { service }) => service.createNewSessionWithoutRequestResponse(value, 'new'),
    userId: (value, { service }) => service.createNewSessionWithoutRequestResponse('public', value),
    accessTokenPayload: (value, { service }) =>
      service.createNewSessionWithoutRequestResponse('public', 'new', value),
    sessionDataInDatabase: (value, { service }) =>
      service.createNewSessionWithoutRequestResponse('public', 'new', {}, value),
    disableAntiCsrf: (value, { service }) =>
      service.createNewSessionWithoutRequestResponse('public', 'new', {}, {}, value),
  },
  getSessionInformation: {
    sessionHandle: (value, { service }) => service.getSessionInformation(value),
  },
  getAllSessionHandlesForUser: {
    userId: (value, { service }) => service.getAllSessionHandlesForUser(value),
    tenantId: (value, { service }) => service.getAllSessionHandlesForUser('owner', value),
  },
  revokeSession: {
    sessionHandle: (value, { service }) => service.revokeSession(value),
    options: (value, { service, handle }) => service.revokeSession(handle, value),
    by: (value, { service, handle }) => service.revokeSession(handle, { by: value }),
  },
  revokeMultipleSessions: {
    sessionHandles: (value, { service }) => service.revokeMultipleSessions(value),
    sessionHandle: (value, { service }) => service.revokeMultipleSessions([value]),
    options: (value, { service, handle }) => service.revokeMultipleSessions([handle], value),
  },
  revokeAllSessionsForUser: {
    userId: (value, { service }) => service.revokeAllSessionsForUser(value),
    tenantId: (value, { service }) => service.revokeAllSessionsForUser('owner', value),
    options: (value, { service }) => service.revokeAllSessionsForUser('owner', undefined, value),
  },
  listSessions: {
    userId: (value, { service }) => service.listSessions(value),
    tenantId: (value, { service }) => service.listSessions('owner', value),
  },
  revokeOtherSessions: {
    userId: (value, { service, handle }) => service.revokeOtherSessions(value, handle),
    exceptHandle: (value, { service }) => service.revokeOtherSessions('owner', value),
    tenantId: (value, { service, handle }) => service.revokeOtherSessions('owner', handle, value),
    options: (value, { service, handle }) =>
      service.revokeOtherSessions('owner', handle, undefined, value),
  },
  explain: { sessionHandle: (value, { service }) => service.explain(value) },
  forgetUser: { userId: (value, { service }) => service.forgetUser(value) },
  updateSessionDataInDatabase: {
    sessionHandle: (value, { service }) => service.updateSessionDataInDatabase(value, {}),
    data: (value, { service, handle }) => service.updateSessionDataInDatabase(handle, value),
  },
  mergeIntoAccessTokenPayload: {
    sessionHandle: (value, { service }) => service.mergeIntoAccessTokenPayload(value, { a: 1 }),
    accessTokenPayload: (value, { service, handle }) =>
      service.mergeIntoAccessTokenPayload(handle, value),
  },
};

const CONTAINER: Record<keyof SessionContainer & string, Calls> = {
  ended: {},
  live: {},
  renewal: {},
  bindTo: { scope: (value, { session }) => session.bindTo(value) },
  getHandle: {},
  getUserId: {},
  getTenantId: {},
  isBound: {},
  getAccessToken: {},
  getAccessTokenPayload: {},
  getActor: {},
  getAllSessionTokensDangerously: {},
  getSessionDataFromDatabase: {},
  getTimeCreated: {},
  getExpiry: {},
  revokeSession: {},
  toJSON: {},
  updateSessionDataInDatabase: {
    data: (value, { session }) => session.updateSessionDataInDatabase(value),
  },
  mergeIntoAccessTokenPayload: {
    accessTokenPayload: (value, { session }) => session.mergeIntoAccessTokenPayload(value),
  },
  assertClaims: { validators: (value, { session }) => session.assertClaims(value) },
  fetchAndSetClaim: { claim: (value, { session }) => session.fetchAndSetClaim(value) },
  setClaimValue: {
    claim: (value, { session }) => session.setClaimValue(value, MARKER),
    value: (value, { session }) => session.setClaimValue(plan, value),
  },
  getClaimValue: { claim: (value, { session }) => session.getClaimValue(value) },
  removeClaim: { claim: (value, { session }) => session.removeClaim(value) },
  attachToRequestResponse: {
    request: (value, { session, response }) => session.attachToRequestResponse(value, response()),
    response: (value, { session, request }) => session.attachToRequestResponse(request(), value),
    transferMethod: (value, { session, request, response }) =>
      session.attachToRequestResponse(request(), response(), value),
  },
};
/** What a compiler keeps from others, and a prototype does not. */
const PRIVATE = new Set([
  'constructor',
  'renew',
  'merge',
  'edit',
  'take',
  'record',
  'claimSubject',
  'parts',
  'gone',
  'writeNewTokens',
  'spoken',
  'ends',
]);
/** The functions that answer at once, and so throw. */
const SYNCHRONOUS = new Set([
  'withManager',
  'getClaimValue',
  'attachToRequestResponse',
  'watch',
  'bindTo',
]);

/** A limit that nothing here reaches. */
const PLENTY = { max: 1_000_000, per: '1d' } as const;

/** An application with a session of an owner and one of somebody else. */
class Stage {
  private rows = '';
  session!: SessionContainer;

  private constructor(
    private readonly booted: BootedApp,
    private readonly fingerprint: RowFingerprint,
    readonly service: SessionService,
  ) {}

  static async open(database: TestDatabase): Promise<Stage> {
    const booted = await bootApp({
      database: database.options,
      sessions: {
        antiCsrf: 'VIA_TOKEN',
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        rateLimit: { logins: PLENTY, refreshes: PLENTY, failures: PLENTY },
      },
    });
    const fingerprint = RowFingerprint.of(booted.dataSource);
    const stage = new Stage(booted, fingerprint, booted.app.get(SessionService));
    await stage.service.createNewSessionWithoutRequestResponse('public', 'bystander');
    await stage.service.createJWT();
    await stage.settle();
    return stage;
  }

  close(): Promise<void> {
    return this.booted.close();
  }

  get handle(): string {
    return this.session.getHandle();
  }

  get tokens(): { accessToken: string; antiCsrfToken: string; refreshToken: string } {
    const { accessToken, antiCsrfToken, refreshToken } =
      this.session.getAllSessionTokensDangerously();
    return { accessToken, antiCsrfToken: antiCsrfToken ?? '', refreshToken: refreshToken ?? '' };
  }

  readonly request = (): object => ({
    method: 'POST',
    headers: {
      host: HOST,
      cookie: `__Host-sAccessToken=${this.tokens.accessToken}`,
      'anti-csrf': this.tokens.antiCsrfToken,
    },
  });

  readonly response = (): object => new ServerResponse({ method: 'POST' } as IncomingMessage);

  /** The next call finds the owner logged in. */
  async settle(): Promise<void> {
    this.session = await this.service.createNewSessionWithoutRequestResponse('public', 'owner');
    this.rows = await this.fingerprint.now();
  }

  async hasChanged(): Promise<boolean> {
    return (await this.fingerprint.now()) !== this.rows;
  }
}

interface Outcome {
  readonly kind: 'answer' | 'refusal' | 'thrown';
  readonly of: unknown;
}

/** A function whose answer is a promise has to reject: who writes `.catch()` would miss what it throws. */
async function outcomeOf(call: () => unknown): Promise<Outcome> {
  let answer: unknown;
  try {
    answer = call();
  } catch (error) {
    return { kind: 'thrown', of: error };
  }
  try {
    return { kind: 'answer', of: await answer };
  } catch (error) {
    return { kind: 'refusal', of: error };
  }
}

/** A refusal names the argument, or is that of a request, and tells nothing of the value. */
function isClear(error: unknown, argument: string): boolean {
  if (tellsOfValue(error) || error instanceof SessionStoreUnavailableException) return false;
  if (error instanceof SessionException && error.code !== 'SESSION_INPUT') return true;
  const isExpected = error instanceof TypeError || error instanceof SessionInputException;
  return isExpected && (ALSO_CALLED[argument] ?? new RegExp(argument)).test(error.message);
}

function tellsOfValue(error: unknown): boolean {
  return !(error instanceof Error) || inspect(error).includes(MARKER);
}

type ProblemOf = (value: unknown) => Promise<string | undefined>;

async function problemsWithHostile(
  problemOf: ProblemOf,
  isTried: (label: string) => boolean = () => true,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [label, make] of Object.entries(hostileValues)) {
    const problem = isTried(label) ? await problemOf(make()) : undefined;
    if (problem !== undefined) problems.push(`${label}: ${problem}`);
  }
  return problems;
}

async function expectNoProblemWithAny(problemOf: ProblemOf): Promise<void> {
  const property = fc.asyncProperty(anyValue, async (value) => {
    expect(await problemOf(value)).toBeUndefined();
  });
  await fc.assert(property, { numRuns: 25 });
}

const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
const namesOnPrototypes = () => prototypes.map((each) => Reflect.ownKeys(each).length).join();

const functions = [
  ...Object.entries(SERVICE).map(([name, calls]) => ['SessionService', name, calls] as const),
  ...Object.entries(CONTAINER).map(([name, calls]) => ['SessionContainer', name, calls] as const),
].flatMap(([owner, name, calls]) =>
  Object.entries(calls).map(
    ([argument, call]) => [`${owner}.${name}: ${argument}`, name, argument, call] as const,
  ),
);

describe('every function', () => {
  const namesOf = (prototype: object): string[] => {
    const parent: unknown = Object.getPrototypeOf(prototype);
    const inherited = parent === Object.prototype ? [] : namesOf(parent as object);
    return [...new Set([...Object.getOwnPropertyNames(prototype), ...inherited])];
  };

  it.each([
    ['SessionService', SessionService, SERVICE],
    ['SessionContainer', SessionContainer, CONTAINER],
  ] as const)('of %s is among those that are tried here', (_, owner, calls) => {
    const found = namesOf(owner.prototype as object).filter((name) => !PRIVATE.has(name));
    expect(Object.keys(calls).toSorted()).toEqual(found.toSorted());
  });
});

const CLAIMS: readonly (readonly [string, SessionClaim<never>])[] = (
  [
    new PrimitiveClaim<string>({ key: 'a', fetchValue: () => 'x' }),
    new PrimitiveArrayClaim<string>({ key: 'a', fetchValue: () => ['x'] }),
    new BooleanClaim({ key: 'a', fetchValue: () => true }),
    new UserRoleClaim({ fetchValue: () => ['x'] }),
    new PermissionClaim({ fetchValue: () => ['x'] }),
    new EmailVerificationClaim({ fetchValue: () => true }),
  ] as unknown as readonly SessionClaim<never>[]
).map((claim) => [claim.constructor.name, claim]);

const CLAIM_CALLS: Record<
  Exclude<keyof SessionClaim<never>, 'key' | 'defaultMaxAgeInSeconds'>,
  Readonly<Record<string, (value: never, claim: SessionClaim<never>) => unknown>>
> = {
  fetchValue: { subject: (value, claim) => claim.fetchValue(value) },
  build: {
    subject: (value, claim) => claim.build(value, 0),
    nowMs: (value, claim) =>
      claim.build({ userId: 'u', tenantId: 't', accessTokenPayload: {} }, value),
  },
  addToPayload: {
    payload: (value, claim) => claim.addToPayload(value, 'x' as never, 0),
    value: (value, claim) => claim.addToPayload({}, value, 0),
    nowMs: (value, claim) => claim.addToPayload({}, ['x'] as never, value),
  },
  canHold: { value: (value, claim) => claim.canHold(value) },
  removeFromPayload: { payload: (value, claim) => claim.removeFromPayload(value) },
  removeFromPayloadByMerge: { payload: (value, claim) => claim.removeFromPayloadByMerge(value) },
  getValueFromPayload: { payload: (value, claim) => claim.getValueFromPayload(value) },
  getLastFetchedTimeMs: { payload: (value, claim) => claim.getLastFetchedTimeMs(value) },
};

describe.each(CLAIMS)('%s', (_, claim) => {
  const validators = Object.entries(
    (claim as unknown as { validators: Record<string, (...given: unknown[]) => unknown> })
      .validators,
  );
  const good = (name: string): unknown => (/All|Any/.test(name) ? ['x'] : 'x');
  const calls = [
    ...Object.entries(CLAIM_CALLS).flatMap(([name, byArgument]) =>
      Object.entries(byArgument).map(
        ([argument, call]) =>
          [`${name}: ${argument}`, (value: unknown) => call(value as never, claim)] as const,
      ),
    ),
    ...validators.flatMap(([name, make]) => [
      [`validators.${name}: first`, (value: unknown) => make(value)] as const,
      [`validators.${name}: second`, (value: unknown) => make(good(name), value)] as const,
      [`validators.${name}: third`, (value: unknown) => make(good(name), 1, value)] as const,
    ]),
  ];

  it('has no function that is not tried here', () => {
    const inherited = Object.getOwnPropertyNames(SessionClaim.prototype);
    const own = new Set(['constructor', 'entryIn', 'overridesFetchValue']);
    expect(inherited.filter((name) => !own.has(name)).toSorted()).toEqual(
      Object.keys(CLAIM_CALLS).toSorted(),
    );
  });

  it.each(calls)('takes any value, or refuses it by a TypeError: %s', async (_call, call) => {
    const problemOf = async (value: unknown): Promise<string | undefined> => {
      const before = namesOnPrototypes();
      const { kind, of } = await outcomeOf(() => call(value));
      if (namesOnPrototypes() !== before) return 'a prototype changed';
      if (kind === 'answer' || (of instanceof TypeError && !tellsOfValue(of))) return undefined;
      return inspect(of);
    };
    expect(await problemsWithHostile(problemOf)).toEqual([]);
    await expectNoProblemWithAny(problemOf);
  });
});

describeOnEachDatabase(
  'an argument of any kind is refused by its name, or used as it is,',
  (engine) => {
    let database: TestDatabase;
    let stage: Stage;
    const isServer = engine !== 'sqlite';
    // What reaches a server is what might upset it.
    const forServers = /null|text|nul|surrogate|SQL|pattern|megabyte|Raw|Not|number|buffer/;

    beforeAll(async () => {
      database = await createTestDatabase(engine);
      stage = await Stage.open(database);
    });

    afterAll(async () => {
      await stage.close();
      await database.drop();
    });

    async function problemWith(
      [name, argument, call]: readonly [string, string, Call],
      value: unknown,
    ): Promise<string | undefined> {
      // It is called, and what it throws is its own.
      if (argument === 'overrideGlobalClaimValidators' && typeof value === 'function')
        return undefined;
      const before = namesOnPrototypes();
      const { kind, of } = await outcomeOf(() => call(value as never, stage));
      const changed = await stage.hasChanged();
      if (changed) await stage.settle();
      if (namesOnPrototypes() !== before) return 'a prototype changed';
      if (kind === 'thrown' && !SYNCHRONOUS.has(name)) return `thrown: ${inspect(of)}`;
      const mayChange = kind === 'answer' && argument !== 'sessionHandle';
      if (changed && !mayChange) return 'a row changed';
      if (kind === 'answer') return MAY_BE[argument]?.(value) === true ? undefined : 'accepted';
      return isClear(of, argument) ? undefined : inspect(of);
    }

    it.each(functions)('%s', async (_, ...call) => {
      const problemOf = (value: unknown) => problemWith(call, value);
      const isTried = (label: string) => !isServer || forServers.test(label);
      expect(await problemsWithHostile(problemOf, isTried)).toEqual([]);
      if (!isServer) await expectNoProblemWithAny(problemOf);
    });
  },
);
