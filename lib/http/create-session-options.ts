import { SessionInputException } from '../errors/session-input.exception.js';
import { isKind, KINDS_ALLOWED } from '../options/kind.js';
import { kindOf } from '../options/option-checks.js';
import { readDecoratorOptions } from '../session/input/function-arguments.js';
import type { CreateSessionOptions } from './decorators/create-session.metadata.js';

/** What each option may be, as `typeof` has it. */
const KINDS: Readonly<Record<keyof CreateSessionOptions, readonly string[]>> = {
  kind: ['string'],
  userId: ['function'],
  tenantId: ['string', 'function'],
  accessTokenPayload: ['function'],
  sessionDataInDatabase: ['function'],
  persistent: ['boolean', 'function'],
  allowCrossSite: ['boolean'],
};
const NAMES = Object.keys(KINDS) as (keyof CreateSessionOptions)[];

/**
 * The options of a login, so that a wrong one is noticed when the handler is declared and not when somebody logs in.
 *
 * @throws {SessionInputException}
 */
export function checkCreateSessionOptions(value: unknown): CreateSessionOptions<unknown> {
  const given = Object.entries(readDecoratorOptions(value, NAMES)).filter(
    ([, option]) => option !== undefined,
  );
  for (const [name, option] of given) {
    const kinds = KINDS[name as keyof CreateSessionOptions];
    if (name === 'kind' && typeof option === 'string' && !isKind(option)) {
      throw new SessionInputException(name, `must be ${KINDS_ALLOWED}`);
    }
    if (kinds.includes(typeof option)) continue;
    throw new SessionInputException(
      name,
      `must be a ${kinds.join(' or a ')}, not ${kindOf(option)}`,
    );
  }
  return Object.fromEntries(given);
}
