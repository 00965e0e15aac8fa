import { SessionException } from './session.exception.js';

/**
 * A service without a database has had no news of revocations, or no keys, for longer than its options allow. The
 * answer is 503 with `Retry-After`. The service can't tell if a session lives, so the client keeps its tokens.
 *
 * @publicApi
 */
export class SessionIssuerUnavailableException extends SessionException {
  readonly code = 'SESSION_ISSUER_UNAVAILABLE';

  override readonly retryAfterSeconds = 5;

  constructor(options: { cause?: unknown } = {}) {
    super({
      code: 'SESSION_ISSUER_UNAVAILABLE',
      reason: 'issuer-unavailable',
      body: { message: 'session issuer unavailable' },
      cause: options.cause,
    });
  }
}
