import { HttpException } from '@nestjs/common';

/**
 * The stable codes of session errors, for `switch (error.code)`.
 *
 * @publicApi
 */
export type SessionErrorCode =
  | 'UNAUTHORISED'
  | 'TRY_REFRESH_TOKEN'
  | 'TOKEN_THEFT_DETECTED'
  | 'INVALID_CLAIMS'
  | 'CROSS_SITE_REQUEST'
  | 'SESSION_INPUT'
  | 'SESSION_LIMIT'
  | 'TOO_MANY_REQUESTS'
  | 'SESSION_STORE_UNAVAILABLE';

/** An option of the module that says with which status an error is answered. @internal */
export type StatusOption = 'sessionExpiredStatusCode' | 'invalidClaimStatusCode';

/**
 * The base of every error that a request can end in. It is an HTTP exception, so no filter has to be installed.
 *
 * @publicApi
 */
export abstract class SessionException extends HttpException {
  /** What happened, in the names of SuperTokens' recipe. */
  abstract readonly code: SessionErrorCode;

  /**
   * Whether the client's tokens are removed with the answer: only where the session has been proven dead, or where
   * the application throws the error itself.
   */
  readonly clearTokens: boolean = false;

  /** Seconds after which the client may ask again: the header `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  /** @internal the option of the module that gives the status where whoever threw this gave none */
  readonly statusOption: StatusOption | undefined;
}
