import { SessionInputException } from '../../errors/session-input.exception.js';
import { isOptionsObject, kindOf } from '../../options/option-checks.js';
import { checkHandle, readSafely } from './function-arguments.js';

const MAX_LIMIT = 1_000;
/** How many sessions the route lists at once by default. */
const LISTED_AT_ONCE = 100;

/** A part of a user's sessions. @publicApi */
export interface SessionPage {
  /** The highest number, from 1 to 1,000. @default all */
  limit?: number;
  /** The handle of the previous page's last session. @default the page begins with the newest */
  before?: string;
}

/** @throws {SessionInputException} */
export function checkPage(value: unknown): SessionPage {
  return readSafely('page', () => {
    if (!isOptionsObject(value)) {
      throw new SessionInputException('page', `must be an object, not ${kindOf(value)}`);
    }
    const { limit, before } = value;
    return {
      ...(limit === undefined ? {} : { limit: checkLimit(limit) }),
      ...(before === undefined ? {} : { before: checkHandle('before', before) }),
    };
  });
}

/**
 * The same for the texts of a query.
 *
 * @throws {SessionInputException}
 */
export function pageOfQuery(
  query: Readonly<Record<string, unknown>>,
): SessionPage & { limit: number } {
  const { limit, before } = query;
  const isNumber = typeof limit === 'string' && /^\d{1,4}$/.test(limit);
  const page = checkPage({ limit: isNumber ? Number(limit) : limit, before });
  return { limit: LISTED_AT_ONCE, ...page };
}

function checkLimit(value: unknown): number {
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_LIMIT) {
    return Number(value);
  }
  throw new SessionInputException('limit', `must be an integer from 1 to ${MAX_LIMIT}`);
}
