import { SessionException, type StatusOption } from './session.exception.js';

/**
 * The access token does not serve, a refresh may give a new one: 401 `{"message":"try refresh token"}`.
 * Never touches the client's tokens.
 *
 * @publicApi
 */
export class TryRefreshTokenException extends SessionException {
  readonly code = 'TRY_REFRESH_TOKEN';
  override readonly statusOption: StatusOption | undefined;

  /**
   * @param options.reason for logs; never sent to the client
   * @param options.status default: the option `sessionExpiredStatusCode`, 401
   */
  constructor(options: { reason?: string; status?: number | undefined } = {}) {
    const { reason } = options;
    super(
      { message: 'try refresh token' },
      options.status ?? 401,
      reason === undefined ? {} : { description: reason },
    );
    this.statusOption = options.status === undefined ? 'sessionExpiredStatusCode' : undefined;
  }
}
