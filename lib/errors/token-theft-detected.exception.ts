import type { StatusOption } from './error-statuses.js';
import { SessionException } from './session.exception.js';

/**
 * A spent refresh token came back, so two parties hold tokens of this session: it has been revoked. The answer is 401
 * with the message `token theft detected`, and it removes the client's tokens.
 *
 * @see RFC 9700 §4.14.2
 * @publicApi
 */
export class TokenTheftDetectedException extends SessionException {
  readonly code = 'TOKEN_THEFT_DETECTED';
  override readonly clearTokens = true;
  /** @internal */
  override readonly statusOption: StatusOption | undefined;

  /** @param status default: the option `sessionExpiredStatusCode`, 401 */
  constructor(
    readonly sessionHandle: string,
    readonly userId: string,
    status?: number,
  ) {
    super({
      code: 'TOKEN_THEFT_DETECTED',
      reason: 'token-theft',
      status,
      body: { message: 'token theft detected' },
      session: { sessionHandle, userId },
    });
    this.statusOption = status === undefined ? 'sessionExpiredStatusCode' : undefined;
  }
}
