import { SessionLimitException } from '../../errors/session-limit.exception.js';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';

/** Whether a login was refused although its user had shown who they are. */
export function followsRightPassword(error: unknown): boolean {
  if (error instanceof UnauthorizedSessionException) return error.reason === 'login-overtaken';
  return error instanceof SessionLimitException;
}
