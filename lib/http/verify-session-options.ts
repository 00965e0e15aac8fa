import { SessionInputException } from '../errors/session-input.exception.js';
import { isKind, KINDS_ALLOWED } from '../options/kind.js';
import { itemsOf, kindOf } from '../options/option-checks.js';
import {
  checkFlag,
  readDecoratorOptions,
  readOptions,
  readSafely,
} from '../session/input/function-arguments.js';
import type { GuardedRouteOptions } from './decorators/verify-session.metadata.js';
import type { VerifySessionOptions } from './request-verification.js';

const NAMES = [
  'sessionRequired',
  'checkDatabase',
  'antiCsrfCheck',
  'overrideGlobalClaimValidators',
] as const;

/**
 * The options of a verification. A text such as `'true'` would pass for neither, and the check it asks for be left out.
 *
 * @throws {SessionInputException}
 */
export function checkVerifySessionOptions(value: unknown): VerifySessionOptions {
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
 * The options of `@VerifySession`, so that a wrong one is noticed when the handler is declared and not by a request.
 *
 * @throws {SessionInputException}
 */
export function checkGuardedRouteOptions(value: unknown): GuardedRouteOptions {
  const options = readDecoratorOptions(value, [...NAMES, 'kind', 'roles', 'permissions']);
  const { kind, roles, permissions, ...rest } = options;
  return {
    ...checkVerifySessionOptions(rest),
    ...(kind === undefined ? {} : { kind: checkKind(kind) }),
    ...(roles === undefined ? {} : { roles: checkNames('roles', roles) }),
    ...(permissions === undefined ? {} : { permissions: checkNames('permissions', permissions) }),
  };
}

function checkKind(value: unknown): string {
  if (typeof value === 'string' && isKind(value)) return value;
  throw new SessionInputException('kind', `must be ${KINDS_ALLOWED}`);
}

// A text in place of a list would be compared letter by letter.
function checkNames(option: string, value: unknown): readonly string[] {
  return readSafely(option, () => {
    const names = itemsOf(value);
    if (names?.every(isName)) return Object.freeze(names);
    throw new SessionInputException(option, `must be an array of texts that are not empty`);
  });
}

function isName(item: unknown): item is string {
  return typeof item === 'string' && item !== '';
}
