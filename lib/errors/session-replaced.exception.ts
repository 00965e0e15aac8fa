import { SessionException } from './session.exception.js';

/**
 * A refresh token's session was replaced a moment ago: by a login over it, by `reauthenticate`, or by the end of an
 * impersonation. 503 with `Retry-After`. Another tab's answer is just bringing the new session's tokens, so the client
 * keeps what it has, and its next attempt carries those. The old token never leads into the new session.
 *
 * @publicApi
 */
export class SessionReplacedException extends SessionException {
  readonly code = 'SESSION_REPLACED';

  override readonly retryAfterSeconds = 1;

  constructor() {
    super({
      code: 'SESSION_REPLACED',
      reason: 'session-replaced',
      body: { message: 'session replaced' },
    });
  }
}
