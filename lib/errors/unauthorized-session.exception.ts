import type { RefusalReason } from './refusal-reason.js';
import type { StatusOption } from './error-statuses.js';
import { SessionException, type RefusedSession } from './session.exception.js';

/**
 * There is no session: 401 with the message `unauthorised`, the wording that SuperTokens' SDKs know. If the
 * application's own code throws it, it also removes the client's tokens, unless `clearTokens` is `false`.
 *
 * @publicApi
 */
export class UnauthorizedSessionException extends SessionException {
  readonly code = 'UNAUTHORISED';
  override readonly clearTokens: boolean;
  /** @internal */
  override readonly statusOption: StatusOption | undefined;

  /**
   * @param options.reason for logs and counters; never sent to the client. @default 'application'
   * @param options.clearTokens default `true`
   * @param options.status default: the option `sessionExpiredStatusCode`, 401
   */
  constructor(
    options: {
      reason?: RefusalReason;
      clearTokens?: boolean;
      status?: number | undefined;
      cause?: unknown;
      /** @internal */
      session?: RefusedSession | undefined;
    } = {},
  ) {
    const { reason = 'application', status, session, cause } = options;
    super({
      code: 'UNAUTHORISED',
      reason,
      status,
      body: { message: 'unauthorised' },
      session,
      cause,
    });
    this.clearTokens = options.clearTokens ?? true;
    this.statusOption = status === undefined ? 'sessionExpiredStatusCode' : undefined;
  }
}
