import { checkAssurance } from './assurance-profile.js';
import { readClaims, readValidators } from './claim-options.js';
import type { OptionReader } from './option-reader.js';
import { readConfiguration } from './read-configuration.js';
import { checkLifetimes, readLifetimes } from './token-lifetime-options.js';
import { readRateLimits } from './rate-limit-options.js';
import { resolveCookieOptions } from './cookie-options.js';
import { readPruning } from './pruning-options.js';
import { realmOf } from './realm.js';
import { readEncryptionKeyMigration, readEncryptionKeys } from './encryption-keys.js';
import type { ResolvedSessionOptions } from './resolved-options.js';
import type {
  AntiCsrfMode,
  SessionModuleOptions,
  TokenTransferMethod,
  TokenTransferMethodChooser,
} from './session-module-options.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TEN_YEARS = 3650 * DAY;
// Told apart by `forRoot` already; in these options they come from a factory.
const EXTRAS = ['isGlobal', 'dataSource', 'apiBasePath', 'routes'];
const TRANSFER_METHODS = ['any', 'cookie', 'header'] as const;

/**
 * Checks what the user wrote and fills in the defaults; nothing else reads raw options.
 *
 * @throws {SessionConfigurationError} naming every option that is wrong and what is allowed
 */
export function resolveSessionOptions(
  written: SessionModuleOptions,
  environment: { production: boolean },
): ResolvedSessionOptions {
  const read = (reader: OptionReader): ResolvedSessionOptions => {
    const options = readOptions(reader, environment.production);
    checkLifetimes(options, reader);
    checkAssurance(options, reader);
    if (options.sessionExpiredStatusCode === options.invalidClaimStatusCode) {
      reader.problem('invalidClaimStatusCode', 'is the same as `sessionExpiredStatusCode`');
    }
    reader.refuseUnknown(EXTRAS, 'comes too late: give it to `forRootAsync` beside the factory');
    return options;
  };
  return frozen(readConfiguration(written, 'its options', read));
}

// What stands in an array is the user's own, or bytes, which can't be frozen. So is the counter, which may count in itself.
function frozen<T extends object>(options: T): T {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'counter') continue;
    if (Array.isArray(value)) Object.freeze(value);
    else if (Object.getPrototypeOf(value ?? 0) === Object.prototype) frozen(value);
  }
  return Object.freeze(options);
}

function readOptions(reader: OptionReader, production: boolean): ResolvedSessionOptions {
  const allowInsecure = reader.boolean('dangerouslyAllowInsecureCookies', false) || !production;
  const cookie = resolveCookieOptions(reader.nested('cookie'), allowInsecure);
  const encryptionKeys = readEncryptionKeys(reader, 'encryptionKey');
  const audience = reader.string('audience', isName, 'a text of 1 to 255 characters');
  return {
    ...readLifetimes(reader),
    issuer: reader.string('issuer', isIssuer, ISSUER_ALLOWED),
    audience,
    realm: realmOf(audience),
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
    antiCsrf: resolveAntiCsrf(reader, cookie.sameSite),
    trustedOrigins: new Set(reader.strings('trustedOrigins', isOrigin, ORIGINS_ALLOWED)),
    trustSameSite: reader.boolean('trustSameSite', true),
    exposeAccessTokenToFrontendInCookieBasedAuth: reader.boolean(
      'exposeAccessTokenToFrontendInCookieBasedAuth',
      false,
    ),
    frontTokenClaims: resolveFrontTokenClaims(reader),
    sessionExpiredStatusCode: reader.integer('sessionExpiredStatusCode', 400, 499, 401),
    invalidClaimStatusCode: reader.integer('invalidClaimStatusCode', 400, 499, 403),
    revocation: resolveRevocation(reader.nestedOrFalse('revocation')),
    verifiedTokenCache: resolveCache(reader.nestedOrFalse('verifiedTokenCache')),
    databaseTimeoutMs: reader.durationMs('databaseTimeout', SECOND / 10, 5 * MINUTE, 5 * SECOND),
    ...readPruning(reader),
    device: resolveDevice(reader.nested('device')),
    revokePreviousSession: reader.boolean('revokePreviousSession', true),
    maxSessionsPerUser: resolveSessionLimit(reader),
    rateLimit: readRateLimits(reader, 'rateLimit'),
    claims: readClaims(reader),
    globalClaimValidators: readValidators(reader),
  };
}

function resolveSigning(reader: OptionReader): ResolvedSessionOptions['signing'] {
  const algorithm = reader.oneOf('algorithm', ['ES256', 'RS256'], 'ES256');
  const rotationIntervalMs = reader.durationMs('rotationInterval', SECOND, TEN_YEARS, 7 * DAY);
  reader.refuseUnknown();
  return { algorithm, rotationIntervalMs };
}

function resolveTransferMethod(reader: OptionReader): TokenTransferMethodChooser {
  const value = reader.value('tokenTransferMethod');
  if (typeof value === 'function') return value as TokenTransferMethodChooser;
  const method: TokenTransferMethod = reader.oneOf('tokenTransferMethod', TRANSFER_METHODS, 'any');
  return () => method;
}

function resolveAntiCsrf(reader: OptionReader, sameSite: 'strict' | 'lax' | 'none'): AntiCsrfMode {
  const mode = reader.oneOf<AntiCsrfMode>(
    'antiCsrf',
    ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN', 'NONE'],
    sameSite === 'none' ? 'VIA_CUSTOM_HEADER' : 'VIA_FETCH_METADATA',
  );
  if (mode === 'NONE' && sameSite === 'none') {
    reader.problem(
      'antiCsrf',
      'is NONE with `cookie.sameSite` none: any site could act for the user',
    );
  }
  return mode;
}

function resolveFrontTokenClaims(reader: OptionReader): ReadonlySet<string> | undefined {
  const names = reader.strings('frontTokenClaims', isName, 'names of claims');
  return names && new Set(names);
}

function resolveRevocation(reader: OptionReader | false): ResolvedSessionOptions['revocation'] {
  if (!reader) return false;
  const pollIntervalMs = reader.durationMs('pollInterval', 10, HOUR, SECOND);
  const maxStalenessMs =
    reader.value('maxStaleness') === false
      ? false
      : reader.durationMs('maxStaleness', pollIntervalMs, DAY, Math.max(MINUTE, pollIntervalMs));
  reader.refuseUnknown();
  return { pollIntervalMs, maxStalenessMs };
}

function resolveCache(reader: OptionReader | false): ResolvedSessionOptions['verifiedTokenCache'] {
  if (!reader) return false;
  const max = reader.integer('max', 1, 10_000_000, 10_000);
  reader.refuseUnknown();
  return { max };
}

function resolveDevice(reader: OptionReader): ResolvedSessionOptions['device'] {
  const device = {
    ip: reader.oneOf<boolean | 'truncated'>('ip', [true, false, 'truncated'], false),
    userAgent: reader.boolean('userAgent', false),
    retentionMs: reader.optionalDurationMs('retention', SECOND, TEN_YEARS),
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
  const limit = reader.nested('maxSessionsPerUser');
  limit.required('max');
  const max = limit.integer('max', 1, 10_000, 1);
  const onLimit = limit.oneOf('onLimit', ['evict-oldest', 'refuse'], 'evict-oldest');
  limit.refuseUnknown();
  return { max, onLimit };
}

const ORIGINS_ALLOWED = 'origins such as https://www.example.com';

// Pages in an app's shell have schemes of their own (`capacitor://localhost`), for which URL knows no origin.
function isOrigin(text: string): boolean {
  // A URL's host may hold a star, but here it would match nothing.
  if (!URL.canParse(text) || text.includes('*')) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === 'null' && host !== '' ? `${protocol}//${host}` : origin);
}

const ISSUER_ALLOWED = 'an http or https URL of up to 255 characters, without query and fragment';

// A name and a password in it would be told to every client.
function isIssuer(text: string): boolean {
  if (!isName(text) || !/^https?:\/\/[^?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

function isName(text: string): boolean {
  return text.length > 0 && text.length <= 255;
}
