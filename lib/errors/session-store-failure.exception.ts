import { SessionException } from './session.exception.js';

/**
 * The database refused a statement and would refuse it again: 500. For example, a table or a column is missing, or its
 * charset lacks a character. The log says which. Nothing has changed and the client keeps its tokens.
 *
 * @publicApi
 */
export class SessionStoreFailureException extends SessionException {
  readonly code = 'SESSION_STORE_FAILED';

  constructor(options: { cause?: unknown } = {}) {
    super({
      code: 'SESSION_STORE_FAILED',
      reason: 'store-failed',
      body: { message: 'session store failed' },
      cause: options.cause,
    });
  }
}
