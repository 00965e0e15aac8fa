import { SessionException } from './session.exception.js';

/**
 * An address has asked more often than the option `rateLimit` allows: 429 with `Retry-After`. Nothing was done, and the
 * client keeps its tokens.
 *
 * @publicApi
 */
export class TooManyRequestsException extends SessionException {
  readonly code = 'TOO_MANY_REQUESTS';

  constructor(
    /** Seconds until the client may ask again, at the latest. */
    override readonly retryAfterSeconds: number,
  ) {
    super({
      code: 'TOO_MANY_REQUESTS',
      reason: 'rate-limit',
      body: { message: 'too many requests' },
    });
  }
}
