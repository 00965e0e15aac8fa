import type { RefusalReason } from './refusal-reason.js';
import type { StatusOption } from './error-statuses.js';
import { SessionException, type RefusedSession } from './session.exception.js';

/**
 * The access token is not accepted, but a refresh may give a new one: 401 with the message `try refresh token`. The
 * client always keeps its tokens.
 *
 * @publicApi
 */
export class TryRefreshTokenException extends SessionException {
  readonly code = 'TRY_REFRESH_TOKEN';
  /** @internal */
  override readonly statusOption: StatusOption | undefined;

  /**
   * @param options.reason for logs and counters; never sent to the client. @default 'application'
   * @param options.status default: the option `sessionExpiredStatusCode`, 401
   */
  constructor(
    options: {
      reason?: RefusalReason;
      status?: number | undefined;
      /** @internal */
      session?: RefusedSession | undefined;
    } = {},
  ) {
    const { reason = 'application', status, session } = options;
    super({
      code: 'TRY_REFRESH_TOKEN',
      reason,
      status,
      body: { message: 'try refresh token' },
      session,
    });
    this.statusOption = status === undefined ? 'sessionExpiredStatusCode' : undefined;
  }
}
