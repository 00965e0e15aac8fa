import { SessionException } from './session.exception.js';

/**
 * The database that keeps the sessions can't be reached, or the keys in it can't be opened: 503 with `Retry-After`.
 * Nothing has changed and the client keeps its tokens, so the session continues when that is put right.
 *
 * @publicApi
 */
export class SessionStoreUnavailableException extends SessionException {
  readonly code = 'SESSION_STORE_UNAVAILABLE';

  override readonly retryAfterSeconds = 5;

  constructor(
    options: {
      cause?: unknown;
      /** @internal */
      reason?: 'store-unavailable' | 'keys-unreadable' | 'verification-timeout';
    } = {},
  ) {
    super({
      code: 'SESSION_STORE_UNAVAILABLE',
      reason: options.reason ?? 'store-unavailable',
      body: { message: 'session store unavailable' },
      cause: options.cause,
    });
  }
}
