import { SessionInputException } from '../../errors/session-input.exception.js';
import { kindOf } from '../../options/option-checks.js';
import type { LiveEnd } from '../../verification/session-ends.js';
import { checkFunction, readSafely } from '../input/function-arguments.js';
import { ReadonlySession } from './readonly-session.js';

/**
 * Calls once when a session ends.
 *
 * @throws {SessionInputException} if the argument is not a session, or not a function
 */
export function watchSession(session: ReadonlySession, onEnd: (end: LiveEnd) => void): Disposable {
  const { held, ends } = readSafely('session', () => checkSession(session).live);
  return ends.watch(held, checkFunction('onEnd', onEnd));
}

function checkSession(session: ReadonlySession): ReadonlySession {
  if (session instanceof ReadonlySession) return session;
  throw new SessionInputException('session', `must be a session, not ${kindOf(session)}`);
}
