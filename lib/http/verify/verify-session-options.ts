import type { ClaimValidatorsOverride } from '../../claims/claim-validators-override.js';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { WantedNames } from '../../claims/wanted-names.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { isKind, KINDS_ALLOWED, type SessionKind } from '../../options/kind.js';
import { isOptionsObject, itemsOf, kindOf } from '../../options/option-checks.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import {
  checkFlag,
  readDecoratorOptions,
  readOptions,
  readSafely,
} from '../../session/input/function-arguments.js';
import type { GuardedRouteOptions } from '../decorators/verify-session.metadata.js';

/** How a request's session is verified. @publicApi */
export interface VerifySessionOptions {
  /**
   * `false`: a request without a session passes, and has none. A value that no key of ours made counts as no token. One
   * of our own tokens that is not accepted is refused, so that its client refreshes. So is one that names an unknown
   * key, because a retired one of ours may have made it. @default true
   */
  sessionRequired?: boolean;
  /**
   * Whether the session's row must exist: this costs a read per request, and refuses a revoked session at once.
   *
   * @default false
   */
  checkDatabase?: boolean;
  /** Whether to check for other sites' requests. @default for every method but GET, HEAD and OPTIONS */
  antiCsrfCheck?: boolean;
  /** Changes the conditions on the claims; receives the global validators. @default the global validators */
  overrideGlobalClaimValidators?: ClaimValidatorsOverride<SessionContainer>;
}

/** What a guarded route asks of a request. */
export interface AskedOfRequest extends VerifySessionOptions {
  /** The validators that the override adds to the global ones, if it does nothing else. */
  readonly added?: readonly SessionClaimValidator[];
}

const NOTHING_ASKED: VerifySessionOptions = Object.freeze({});
const NAMES = [
  'sessionRequired',
  'checkDatabase',
  'antiCsrfCheck',
  'overrideGlobalClaimValidators',
] as const;
const ONLY_OF_ROUTES = ['kind', 'roles', 'permissions', 'bound'] as const;
const NAMES_OF_ROUTES = [...NAMES, ...ONLY_OF_ROUTES] as const;
// The other two are strict by default.
const ASKING = ['checkDatabase', 'overrideGlobalClaimValidators', ...ONLY_OF_ROUTES] as const;

/**
 * Checks the options of a verification. A text such as `'true'` would equal neither value, and so skip the check.
 *
 * @throws {SessionInputException}
 */
export function checkVerifySessionOptions(value: unknown): VerifySessionOptions {
  // A verification takes a microsecond, and reading no options would double it.
  if (value === undefined) return NOTHING_ASKED;
  const options = readOptions(value, NAMES);
  const { overrideGlobalClaimValidators: override, ...flags } = options;
  const checked = Object.entries(flags).flatMap(([name, flag]) => {
    const known = checkFlag(name, flag);
    return known === undefined ? [] : [[name, known] as const];
  });
  if (override !== undefined && typeof override !== 'function') {
    throw new SessionInputException(
      'overrideGlobalClaimValidators',
      `must be a function, not ${kindOf(override)}`,
    );
  }
  return {
    ...(Object.fromEntries(checked) as VerifySessionOptions),
    ...(override === undefined
      ? {}
      : {
          overrideGlobalClaimValidators: override as NonNullable<
            VerifySessionOptions['overrideGlobalClaimValidators']
          >,
        }),
  };
}

/**
 * Checks the options of `@VerifySession` when the handler is declared, so that a mistake does not wait for a request.
 *
 * @throws {SessionInputException}
 */
export function checkGuardedRouteOptions(value: unknown): GuardedRouteOptions {
  const options = readDecoratorOptions(value, NAMES_OF_ROUTES, ASKING);
  const { kind, roles, permissions, bound, ...rest } = options;
  const mustBeBound = checkFlag('bound', bound);
  return {
    ...checkVerifySessionOptions(rest),
    ...(kind === undefined ? {} : { kind: checkKind(kind) }),
    ...(roles === undefined ? {} : { roles: checkNames('roles', roles) }),
    ...(permissions === undefined ? {} : { permissions: checkNames('permissions', permissions) }),
    ...(mustBeBound === undefined ? {} : { bound: mustBeBound }),
  };
}

/**
 * The kind of sessions in a decorator's options.
 *
 * @throws {SessionInputException}
 */
export function readKind(value: unknown): SessionKind {
  const { kind } = readDecoratorOptions(value, ['kind'], ['kind']);
  return kind === undefined ? undefined : checkKind(kind);
}

/** @throws {SessionInputException} if it can be no kind of sessions */
export function checkKind(value: unknown): string {
  if (typeof value === 'string' && isKind(value)) return value;
  throw new SessionInputException('kind', `must be ${KINDS_ALLOWED}`);
}

// A text instead of a list would be compared letter by letter.
function checkNames(option: string, value: unknown): WantedNames {
  return readSafely(option, () => {
    const names = namesIn(value);
    if (names !== undefined) return names;
    const any =
      isOptionsObject(value) && Object.keys(value).join() === 'any' && namesIn(value['any']);
    // An empty list would admit nobody.
    if (any && any.length > 0) return Object.freeze({ any });
    throw new SessionInputException(
      option,
      'must be an array of texts that are not empty, or { any: [...] } with at least one',
    );
  });
}

function namesIn(value: unknown): readonly string[] | undefined {
  const names = itemsOf(value);
  return names?.every(isName) ? Object.freeze(names) : undefined;
}

function isName(item: unknown): item is string {
  return typeof item === 'string' && item !== '';
}
