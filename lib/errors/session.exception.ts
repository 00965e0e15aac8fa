import { HttpException } from '@nestjs/common';
import type { RefusalReason } from './refusal-reason.js';

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
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_STORE_FAILED';

/** An option of the module that says with which status an error is answered. @internal */
export type StatusOption = 'sessionExpiredStatusCode' | 'invalidClaimStatusCode';

/** Whose session a refusal speaks of, where an authentic token or a row has said so. @internal */
export interface RefusedSession {
  readonly sessionHandle: string;
  readonly userId: string;
}

/** What a session error is made of. @internal */
export interface Refusal {
  readonly code: SessionErrorCode;
  readonly reason: RefusalReason;
  readonly status: number;
  /** What clients get beside status and code. SuperTokens' SDKs read `message` alone. */
  readonly body: { readonly message: string } & Readonly<Record<string, unknown>>;
  readonly session?: RefusedSession | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that a request can end in. It is an HTTP exception, so no filter has to be installed.
 *
 * @publicApi
 */
export abstract class SessionException extends HttpException {
  /** What happened, in the names of SuperTokens' recipe. */
  abstract readonly code: SessionErrorCode;

  /** Why, for logs and counters. It is never sent to the client. */
  readonly reason: RefusalReason;

  /**
   * Whether the client's tokens are removed with the answer: only where the session has been proven dead, or where
   * the application throws the error itself.
   */
  readonly clearTokens: boolean = false;

  /** Seconds after which the client may ask again: the header `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  /** @internal the option of the module that gives the status where whoever threw this gave none */
  readonly statusOption: StatusOption | undefined;

  /** @internal */
  readonly refusedSession: RefusedSession | undefined;

  /** @internal */
  constructor({ code, reason, status, body, session, cause }: Refusal) {
    super({ statusCode: status, code, ...body }, status, { cause });
    this.reason = reason;
    this.refusedSession = session;
  }
}
