import { SessionInputException } from '../errors/session-input.exception.js';
import { kindOf } from '../options/option-checks.js';
import { checkFlag, readOptions } from '../session/function-arguments.js';
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
