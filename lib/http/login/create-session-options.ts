import { SessionInputException } from '../../errors/session-input.exception.js';
import { isKind, KINDS_ALLOWED } from '../../options/kind.js';
import { kindOf } from '../../options/option-checks.js';
import { readDecoratorOptions } from '../../session/input/function-arguments.js';
import type { CreateSessionOptions } from '../decorators/create-session.metadata.js';

/** The types that each option may have, in terms of `typeof`. */
const KINDS: Readonly<Record<keyof CreateSessionOptions, readonly string[]>> = {
  kind: ['string'],
  userId: ['function'],
  tenantId: ['string', 'function'],
  accessTokenPayload: ['function'],
  sessionDataInDatabase: ['function'],
  persistent: ['boolean', 'function'],
  allowCrossSite: ['boolean'],
  answer: ['function'],
  refusal: ['number', 'function'],
  revokePrevious: ['boolean'],
};
const NAMES = Object.keys(KINDS) as (keyof CreateSessionOptions)[];
// Without them, the login is one of the module without a kind, or of the tenant 'public'.
const ASKING = ['kind', 'tenantId'] as const;

/**
 * Checks the options of a login when the handler is declared, so that a mistake does not wait for a user.
 *
 * @throws {SessionInputException}
 */
export function checkCreateSessionOptions(value: unknown): CreateSessionOptions<unknown> {
  const given = Object.entries(readDecoratorOptions(value, NAMES, ASKING)).filter(
    ([, option]) => option !== undefined,
  );
  for (const [name, option] of given) {
    const kinds = KINDS[name as keyof CreateSessionOptions];
    if (name === 'kind' && typeof option === 'string' && !isKind(option)) {
      throw new SessionInputException(name, `must be ${KINDS_ALLOWED}`);
    }
    if (typeof option === 'number' && !isRefusalStatus(option)) {
      throw new SessionInputException(name, 'must be a status from 400 to 499, or a function');
    }
    if (kinds.includes(typeof option)) continue;
    throw new SessionInputException(
      name,
      `must be a ${kinds.join(' or a ')}, not ${kindOf(option)}`,
    );
  }
  return Object.fromEntries(given);
}

function isRefusalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 499;
}
