import { checkAssurance } from './assurance-profile.js';
import { readClaims, readValidators } from './claim-options.js';
import type { OptionReader } from './option-reader.js';
import { readConfiguration } from './read-configuration.js';
import { checkDeviceBinding, readDeviceBinding } from './device-binding-options.js';
import { checkLifetimes, readLifetimes } from './token-lifetime-options.js';
import { readRateLimits } from './rate-limit-options.js';
import { resolveCookieOptions } from './cookie-options.js';
import { readPruning } from './pruning-options.js';
import type { SessionKind } from './kind.js';
import { realmOf } from './realm.js';
import { readStatusCodes } from './status-code-options.js';
import { readEncryptionKeyMigration, readEncryptionKeys } from './encryption-keys.js';
import type { ResolvedSessionOptions } from './resolved-options.js';
import {
  AUDIENCE_ALLOWED,
  ISSUER_ALLOWED,
  isIssuer,
  isName,
  resolveAntiCsrf,
  resolveCache,
  resolveTrust,
} from './verification-options.js';
import type {
  SessionModuleOptions,
  TokenTransferMethod,
  TokenTransferMethodChooser,
} from './session-module-options.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, TEN_YEARS_MS } from '../time/units.js';

// `forRoot` has separated these already, so here they come from a factory.
const EXTRAS = ['kind', 'isGlobal', 'dataSource', 'apiBasePath', 'routes'];
const TRANSFER_METHODS = ['any', 'cookie', 'header'] as const;
const TRANSFER_METHODS_ALLOWED = 'one of "any", "cookie", "header", or a function';
const LIMITS_ALLOWED = 'a whole number from 1 to 10000, false or a plain object';

/** The surroundings that the options depend on. */
interface Environment {
  readonly production: boolean;
  readonly kind?: SessionKind;
  /** Whether the application serves the route that binds sessions. @default true */
  readonly hasBindRoute?: boolean;
}

/**
 * Checks what the user wrote and fills in the defaults. Nothing else reads raw options.
 *
 * @throws {SessionConfigurationError} that names every wrong option and what is allowed
 */
export function resolveSessionOptions(
  written: SessionModuleOptions,
  environment: Environment,
): ResolvedSessionOptions {
  const read = (reader: OptionReader): ResolvedSessionOptions => {
    const options = readOptions(reader, environment);
    checkLifetimes(options, reader);
    checkAssurance(options, reader);
    checkDeviceBinding(options, reader, environment.hasBindRoute ?? true);
    reader.refuseUnknown(EXTRAS, 'comes too late: give it to `forRootAsync` beside the factory');
    return options;
  };
  const { kind } = environment;
  const module = kind === undefined ? 'SessionModule' : `SessionModule of the kind '${kind}'`;
  return frozen(readConfiguration(written, 'its options', read, module));
}

// An array's items belong to the user, or are bytes, which can't be frozen. The counter may keep its counts in itself.
function frozen<T extends object>(options: T): T {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'counter') continue;
    if (Array.isArray(value)) Object.freeze(value);
    else if (Object.getPrototypeOf(value ?? 0) === Object.prototype) frozen(value);
  }
  return Object.freeze(options);
}

function readOptions(
  reader: OptionReader,
  { production, kind }: Environment,
): ResolvedSessionOptions {
  const allowInsecure = reader.boolean('dangerouslyAllowInsecureCookies', false) || !production;
  const cookie = resolveCookieOptions(reader.nested('cookie'), allowInsecure, kind);
  const encryptionKeys = readEncryptionKeys(reader, 'encryptionKey');
  const audience = reader.string('audience', isName, AUDIENCE_ALLOWED) ?? kind;
  const lifetimes = readLifetimes(reader);
  return {
    ...lifetimes,
    issuer: reader.string('issuer', isIssuer, ISSUER_ALLOWED),
    audience,
    kind,
    realm: realmOf(audience, kind),
    signing: resolveSigning(reader.nested('signing')),
    encryptionKeys,
    acceptsUnencryptedKeys: readEncryptionKeyMigration(
      reader,
      'encryptionKeyMigration',
      encryptionKeys,
    ),
    cookie,
    persistent: reader.boolean('persistent', true),
    tokenTransferMethod: resolveTransferMethod(reader),
    fixedTransferMethod: fixedTransferMethod(reader),
    antiCsrf: resolveAntiCsrf(reader, cookie.sameSite),
    ...resolveTrust(reader),
    exposeAccessTokenToFrontendInCookieBasedAuth: reader.boolean(
      'exposeAccessTokenToFrontendInCookieBasedAuth',
      false,
    ),
    frontTokenClaims: resolveFrontTokenClaims(reader),
    ...readStatusCodes(reader),
    revocation: resolveRevocation(reader.nestedOrFalse('revocation')),
    live: resolveLive(reader.nested('live')),
    verifiedTokenCache: resolveCache(reader.nestedOrFalse('verifiedTokenCache')),
    databaseTimeoutMs: reader.durationMs(
      'databaseTimeout',
      SECOND_MS / 10,
      5 * MINUTE_MS,
      5 * SECOND_MS,
    ),
    ...readPruning(reader),
    device: resolveDevice(reader.nested('device')),
    deviceBinding: readDeviceBinding(reader, lifetimes.accessTokenLifetimeMs),
    revokePreviousSession: reader.boolean('revokePreviousSession', true),
    maxSessionsPerUser: resolveSessionLimit(reader),
    rateLimit: readRateLimits(reader, 'rateLimit'),
    claims: readClaims(reader),
    globalClaimValidators: readValidators(reader),
  };
}

function resolveSigning(reader: OptionReader): ResolvedSessionOptions['signing'] {
  const algorithm = reader.oneOf('algorithm', ['ES256', 'RS256'], 'ES256');
  const rotationIntervalMs = reader.durationMs(
    'rotationInterval',
    SECOND_MS,
    TEN_YEARS_MS,
    7 * DAY_MS,
  );
  reader.refuseUnknown();
  return { algorithm, rotationIntervalMs };
}

function resolveTransferMethod(reader: OptionReader): TokenTransferMethodChooser {
  const value = reader.value('tokenTransferMethod');
  if (typeof value === 'function') return value as TokenTransferMethodChooser;
  const method =
    reader.converted('tokenTransferMethod', asTransferMethod, TRANSFER_METHODS_ALLOWED) ?? 'any';
  return () => method;
}

function asTransferMethod(value: unknown): TokenTransferMethod | undefined {
  return TRANSFER_METHODS.find((each) => each === value);
}

function fixedTransferMethod(reader: OptionReader): 'cookie' | 'header' | undefined {
  const value = reader.value('tokenTransferMethod');
  return value === 'cookie' || value === 'header' ? value : undefined;
}

function resolveFrontTokenClaims(reader: OptionReader): ReadonlySet<string> | undefined {
  const names = reader.strings('frontTokenClaims', isName, 'names of claims');
  return names && new Set(names);
}

function resolveRevocation(reader: OptionReader | false): ResolvedSessionOptions['revocation'] {
  if (!reader) return false;
  const pollIntervalMs = reader.durationMs('pollInterval', 10, HOUR_MS, SECOND_MS);
  const maxStalenessMs =
    reader.value('maxStaleness') === false
      ? false
      : reader.durationMs(
          'maxStaleness',
          pollIntervalMs,
          DAY_MS,
          Math.max(MINUTE_MS, pollIntervalMs),
        );
  reader.refuseUnknown();
  return { pollIntervalMs, maxStalenessMs };
}

function resolveLive(reader: OptionReader): ResolvedSessionOptions['live'] {
  const until = reader.oneOf<'session' | 'token'>('until', ['session', 'token'], 'session');
  const pending = reader.integer('pending', 0, 1_000_000, 1_000);
  reader.refuseUnknown();
  return { until, pending };
}

function resolveDevice(reader: OptionReader): ResolvedSessionOptions['device'] {
  const device = {
    ip: reader.oneOf<boolean | 'truncated'>('ip', [true, false, 'truncated'], false),
    userAgent: reader.boolean('userAgent', false),
    retentionMs: reader.optionalDurationMs('retention', SECOND_MS, TEN_YEARS_MS),
  };
  reader.refuseUnknown();
  return device;
}

function resolveSessionLimit(reader: OptionReader): ResolvedSessionOptions['maxSessionsPerUser'] {
  const value = reader.value('maxSessionsPerUser');
  if (value === undefined || value === false) return false;
  if (typeof value === 'number') {
    return { max: reader.integer('maxSessionsPerUser', 1, 10_000, 1), onLimit: 'evict-oldest' };
  }
  const limit = reader.nestedIn('maxSessionsPerUser', LIMITS_ALLOWED);
  if (limit === undefined) return false;
  limit.required('max');
  const max = limit.integer('max', 1, 10_000, 1);
  const onLimit = limit.oneOf('onLimit', ['evict-oldest', 'refuse'], 'evict-oldest');
  limit.refuseUnknown();
  return { max, onLimit };
}
