import { isValidator, type SessionClaimValidator } from '../claims/session-claim-validator.js';
import { resolveCookieOptions } from '../options/cookie-options.js';
import { FEED_SECRET_ALLOWED, isFeedSecret } from '../options/feed-secrets.js';
import type { SessionKind } from '../options/kind.js';
import { isFunction, only } from '../options/option-checks.js';
import { OptionReader } from '../options/option-reader.js';
import { readConfiguration } from '../options/read-configuration.js';
import type { ResolvedVerificationOptions } from '../options/resolved-options.js';
import { readStatusCodes } from '../options/status-code-options.js';
import {
  AUDIENCE_ALLOWED,
  ISSUER_ALLOWED,
  isIssuer,
  isName,
  placeOfIssuer,
  resolveAntiCsrf,
  resolveCache,
  resolveTrust,
} from '../options/verification-options.js';
import { LONGEST_WAIT } from '../time/interval-task.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../time/units.js';
import type { SessionVerifierOptions } from './session-verifier-options.js';

// The issuer's own news are a second old, and a tenth more, where it polls as often as by default.
const ISSUER_DELAY_MS = 2 * SECOND_MS;

/** The injection token of the options in the form that the code uses. */
export const RESOLVED_VERIFIER_OPTIONS = Symbol('RESOLVED_VERIFIER_OPTIONS');

/** Every option, present and checked: durations in milliseconds. */
export interface ResolvedVerifierOptions extends ResolvedVerificationOptions {
  readonly issuer: string;
  /** The address of the issuer, without a trailing slash. */
  readonly url: string;
  readonly revocations:
    | false
    | {
        readonly secret: string;
        readonly pollIntervalMs: number;
        readonly maxStalenessMs: number | false;
      };
  /** Whether revocations are explicitly disabled. */
  readonly isWithoutRevocationsOnPurpose: boolean;
  readonly keys: { readonly reloadIntervalMs: number; readonly maxStalenessMs: number };
  readonly requestTimeoutMs: number;
  readonly messageToken: NonNullable<SessionVerifierOptions['messages']>['token'] | undefined;
  readonly globalClaimValidators: readonly SessionClaimValidator[];
}

/** The surroundings that the options depend on. */
export interface VerifierEnvironment {
  readonly production: boolean;
  readonly kind: SessionKind;
}

/** @throws {SessionConfigurationError} that names every wrong option and what is allowed */
export function resolveVerifierOptions(
  written: SessionVerifierOptions,
  environment: VerifierEnvironment,
): ResolvedVerifierOptions {
  const read = (reader: OptionReader): ResolvedVerifierOptions => {
    const options = readOptions(reader, environment);
    reader.refuseUnknown(
      ['kind', 'isGlobal'],
      'comes too late: give it to `forRootAsync` beside the factory',
    );
    return options;
  };
  return Object.freeze(readConfiguration(written, 'its options', read, 'SessionVerifierModule'));
}

function readOptions(
  reader: OptionReader,
  { production, kind }: VerifierEnvironment,
): ResolvedVerifierOptions {
  reader.required('issuer');
  const issuer = reader.string('issuer', isIssuer, ISSUER_ALLOWED) ?? '';
  const url = reader.string('url', isIssuer, ISSUER_ALLOWED) ?? issuer;
  const cookies = readCookies(reader);
  const cookieReader = cookies || emptyReader();
  // Only the issuer sets cookies. Those that it sets without Secure can still be read.
  const mayBeInsecure = !production || cookieReader.value('secure') === false;
  const cookie = resolveCookieOptions(cookieReader, mayBeInsecure, kind);
  const transfer = cookies === false ? ('header' as const) : ('any' as const);
  return {
    issuer,
    url: placeOfIssuer(url),
    audience: reader.string('audience', isName, AUDIENCE_ALLOWED) ?? kind,
    kind,
    revocations: readRevocations(reader),
    isWithoutRevocationsOnPurpose: reader.value('revocations') !== undefined,
    keys: readKeys(reader.nested('keys')),
    requestTimeoutMs: reader.durationMs('requestTimeout', SECOND_MS / 10, MINUTE_MS, 5 * SECOND_MS),
    cookie,
    tokenTransferMethod: () => transfer,
    fixedTransferMethod: cookies === false ? 'header' : undefined,
    antiCsrf: resolveAntiCsrf(reader, cookie.sameSite),
    ...resolveTrust(reader),
    live: readLive(reader.nested('live')),
    messageToken: readMessageToken(reader.nested('messages')),
    ...readStatusCodes(reader),
    verifiedTokenCache: resolveCache(reader.nestedOrFalse('verifiedTokenCache')),
    globalClaimValidators:
      reader.list('globalClaimValidators', isValidator, 'claim validators') ?? [],
  };
}

function emptyReader(): OptionReader {
  return OptionReader.of({}, []) as OptionReader;
}

function readCookies(reader: OptionReader): OptionReader | false {
  const value = reader.value('cookies');
  if (value === undefined || value === false) return false;
  return value === true ? emptyReader() : reader.nested('cookies');
}

function readRevocations(options: OptionReader): ResolvedVerifierOptions['revocations'] {
  const value = options.value('revocations');
  if (value === undefined || value === false) return false;
  const reader = options.nested('revocations');
  reader.required('secret');
  const secret = reader.string('secret', isFeedSecret, FEED_SECRET_ALLOWED) ?? '';
  const pollIntervalMs = reader.durationMs('pollInterval', 10, HOUR_MS, 2 * SECOND_MS);
  const usualMs = Math.max(MINUTE_MS, 3 * pollIntervalMs);
  const maxStalenessMs =
    reader.value('maxStaleness') === false
      ? false
      : reader.durationMs('maxStaleness', SECOND_MS, DAY_MS, usualMs);
  if (maxStalenessMs !== false && maxStalenessMs < pollIntervalMs + ISSUER_DELAY_MS) {
    reader.problem(
      'maxStaleness',
      "must be at least 2 seconds longer than `revocations.pollInterval`, because the issuer's own delay counts too",
    );
  }
  reader.refuseUnknown();
  return { secret, pollIntervalMs, maxStalenessMs };
}

function readKeys(reader: OptionReader): ResolvedVerifierOptions['keys'] {
  const reloadIntervalMs = reader.durationMs('reloadInterval', SECOND_MS, DAY_MS, 5 * MINUTE_MS);
  const usualMs = Math.max(DAY_MS, 3 * reloadIntervalMs);
  const maxStalenessMs = reader.durationMs('maxStaleness', SECOND_MS, 365 * DAY_MS, usualMs);
  if (maxStalenessMs <= LONGEST_WAIT * reloadIntervalMs) {
    reader.problem(
      'maxStaleness',
      'must be longer than 1.1 times `keys.reloadInterval`, because a reading may come a tenth later',
    );
  }
  reader.refuseUnknown();
  return { reloadIntervalMs, maxStalenessMs };
}

// No row tells here how long a session lives.
function readLive(reader: OptionReader): ResolvedVerifierOptions['live'] {
  const pending = reader.integer('pending', 0, 1_000_000, 1_000);
  reader.refuseUnknown();
  return { until: 'token', pending };
}

function readMessageToken(reader: OptionReader): ResolvedVerifierOptions['messageToken'] {
  const token = reader.converted('token', only(isFunction), 'a function');
  reader.refuseUnknown();
  return token;
}
