import { SessionException, type StatusOption } from './session.exception.js';

/**
 * There is no session: 401 `{"message":"unauthorised"}`, the wording that SuperTokens' SDKs know.
 * Thrown by an application's own code, it also removes the client's tokens unless `clearTokens` is `false`.
 *
 * @publicApi
 */
export class UnauthorizedSessionException extends SessionException {
  readonly code = 'UNAUTHORISED';
  override readonly clearTokens: boolean;
  override readonly statusOption: StatusOption | undefined;

  /**
   * @param options.reason for logs; never sent to the client
   * @param options.clearTokens default `true`
   * @param options.status default: the option `sessionExpiredStatusCode`, 401
   */
  constructor(
    options: {
      reason?: string;
      clearTokens?: boolean;
      status?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super({ message: 'unauthorised' }, options.status ?? 401, {
      cause: options.cause,
      ...(options.reason === undefined ? {} : { description: options.reason }),
    });
    this.clearTokens = options.clearTokens ?? true;
    this.statusOption = options.status === undefined ? 'sessionExpiredStatusCode' : undefined;
  }
}
