import { SessionException } from './session.exception.js';

/**
 * The user has as many sessions as allowed, and the policy is to refuse another: 403.
 *
 * @publicApi
 */
export class SessionLimitException extends SessionException {
  readonly code = 'SESSION_LIMIT';

  constructor(readonly maxSessions: number) {
    super({
      code: 'SESSION_LIMIT',
      reason: 'session-limit',
      body: { message: 'too many sessions', maxSessions },
    });
  }
}
