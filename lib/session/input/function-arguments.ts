import { SessionClaim } from '../../claims/session-claim.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { isOptionsObject, kindOf, printable } from '../../options/option-checks.js';
import { isSessionHandle } from '../../tokens/session-handle.js';

/**
 * The options that a function takes, each read once.
 *
 * @throws {SessionInputException} also where reading one throws, whose message nobody should see
 */
export function readOptions<Name extends string>(
  value: unknown,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  return readSafely('options', () => {
    if (!isOptionsObject(value)) {
      throw new SessionInputException('options', `must be an object, not ${kindOf(value)}`);
    }
    const read = names.map((name) => [name, value[name]] as const);
    return Object.fromEntries(read) as Partial<Record<Name, unknown>>;
  });
}

/**
 * The same of a decorator, where a name that is none would leave a route open in silence.
 *
 * @throws {SessionInputException}
 */
export function readDecoratorOptions<Name extends string>(
  value: unknown,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  const options = readOptions(value, names);
  const known: readonly string[] = names;
  const given = readSafely('options', () => Object.keys(Object(value) as object));
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return options;
  throw new SessionInputException(
    'options',
    `must not have "${printable(unknown)}"; known here: ${known.join(', ')}`,
  );
}

/** @throws {SessionInputException} a text such as `'false'`, as forms send it, would be taken for true */
export function checkFlag(argument: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new SessionInputException(argument, `must be true or false, not ${kindOf(value)}`);
}

/** @throws {SessionInputException} */
export function checkClaim<T>(claim: SessionClaim<T>): SessionClaim<T> {
  return readSafely('claim', () => {
    if (claim instanceof SessionClaim) return claim;
    throw new SessionInputException('claim', `must be a claim, not ${kindOf(claim)}`);
  });
}

/**
 * The handles in a list; what is none is the handle of no session.
 *
 * @throws {SessionInputException} for what is no list
 */
export function checkHandles(argument: string, value: unknown): string[] {
  return readSafely(argument, () => {
    if (Array.isArray(value)) return Object.values(value).filter(isSessionHandle);
    throw new SessionInputException(argument, `must be an array, not ${kindOf(value)}`);
  });
}

/** @throws {SessionInputException} where a slip would mean another session, or all of them */
export function checkHandle(argument: string, value: unknown): string {
  if (isSessionHandle(value)) return value;
  throw new SessionInputException(argument, `must be a session's handle, not ${kindOf(value)}`);
}

/** Reads what the caller gave; what a getter or a proxy throws becomes a refusal without its words. */
export function readSafely<T>(argument: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SessionInputException) throw error;
    throw new SessionInputException(argument, 'cannot be read: something in it throws');
  }
}

/** @throws {SessionInputException} for what is no entity manager: its transaction would silently be none */
export function checkManager<T extends object>(manager: T): T {
  return readSafely('manager', () => {
    const { queryRunner, query } = manager as { queryRunner?: unknown; query?: unknown };
    if (typeof query === 'function' && typeof (queryRunner ?? {}) === 'object') return manager;
    throw new SessionInputException('manager', 'must be the EntityManager of a transaction');
  });
}
