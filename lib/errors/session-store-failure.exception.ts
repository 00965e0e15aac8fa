import { SessionException } from './session.exception.js';

/**
 * The database has refused a statement of the sessions, and would refuse it again: 500. A table or a column is missing,
 * say, or its charset lacks a character. The log says what. Nothing has changed and the client's tokens stay.
 *
 * @publicApi
 */
export class SessionStoreFailureException extends SessionException {
  readonly code = 'SESSION_STORE_FAILED';

  constructor(options: { cause?: unknown } = {}) {
    super({
      code: 'SESSION_STORE_FAILED',
      reason: 'store-failed',
      status: 500,
      body: { message: 'session store failed' },
      cause: options.cause,
    });
  }
}
