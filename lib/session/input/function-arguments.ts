import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { SessionClaim } from '../../claims/session-claim.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { isOptionsObject, kindOf, printable } from '../../options/option-checks.js';
import { isSessionHandle } from '../../tokens/session-handle.js';

/**
 * The options of a function, each read once.
 *
 * @throws {SessionInputException} also if reading one throws, because nobody should see that message
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
 * The same for a decorator, in which an unknown name would silently leave a route open.
 *
 * @param asking the names of options that must have a value where they are written: without one they ask for nothing
 * @throws {SessionInputException}
 */
export function readDecoratorOptions<Name extends string>(
  value: unknown,
  names: readonly Name[],
  asking: readonly Name[] = [],
): Partial<Record<Name, unknown>> {
  const options = readOptions(value, names);
  const known: readonly string[] = names;
  const given = readSafely('options', () => Object.keys(Object(value) as object));
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SessionInputException(
      'options',
      `must not have "${printable(unknown)}"; known here: ${known.join(', ')}`,
    );
  }
  const empty = asking.find((name) => given.includes(name) && options[name] === undefined);
  if (empty === undefined) return options;
  throw new SessionInputException(
    empty,
    'is undefined: leave it out, or look for a circular import or a missing variable',
  );
}

/** @throws {SessionInputException} because a text such as `'false'`, as forms send it, would count as true */
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
 * The update that sets a claim's value.
 *
 * @throws {SessionInputException} also if the claim can't hold the value, which may come from a form
 */
export function claimUpdate<T>(
  claim: SessionClaim<T>,
  value: T,
  nowMs: number,
): AccessTokenPayload {
  const checked = checkClaim(claim);
  if (checked.canHold(value)) return checked.addToPayload({}, value, nowMs);
  throw new SessionInputException(
    'value',
    `must be one that the claim "${checked.key}" can hold, not ${kindOf(value)}`,
  );
}

/** @throws {SessionInputException} */
export function checkFunction<T extends (...given: never[]) => unknown>(
  argument: string,
  value: T,
): T {
  if (typeof value === 'function') return value;
  throw new SessionInputException(argument, `must be a function, not ${kindOf(value)}`);
}

/**
 * The handles in a list. Other items are handles of no session.
 *
 * @throws {SessionInputException} if it is not a list
 */
export function checkHandles(argument: string, value: unknown): string[] {
  return readSafely(argument, () => {
    if (Array.isArray(value)) return Object.values(value).filter(isSessionHandle);
    throw new SessionInputException(argument, `must be an array, not ${kindOf(value)}`);
  });
}

/** @throws {SessionInputException} if a mistake would mean another session, or all of them */
export function checkHandle(argument: string, value: unknown): string {
  if (isSessionHandle(value)) return value;
  const got = typeof value === 'string' ? 'another text' : kindOf(value);
  throw new SessionInputException(argument, `must be a session's handle, not ${got}`);
}

/** Reads the caller's value. An error in a getter or a proxy becomes a refusal without its message. */
export function readSafely<T>(argument: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SessionInputException) throw error;
    throw new SessionInputException(argument, 'cannot be read: something in it throws');
  }
}

/** @throws {SessionInputException} if it is not an entity manager, because there would silently be no transaction */
export function checkManager<T extends object>(manager: T): T {
  return readSafely('manager', () => {
    const { queryRunner, query } = manager as { queryRunner?: unknown; query?: unknown };
    if (typeof query === 'function' && typeof (queryRunner ?? {}) === 'object') return manager;
    throw new SessionInputException('manager', 'must be the EntityManager of a transaction');
  });
}
