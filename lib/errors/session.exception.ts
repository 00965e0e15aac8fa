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

// Clients of GraphQL know codes by kind; servers find the kind by the status, which an option may change.
const KINDS: Readonly<Record<SessionErrorCode, { status: number; graphQlCode: string }>> = {
  UNAUTHORISED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TRY_REFRESH_TOKEN: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TOKEN_THEFT_DETECTED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  INVALID_CLAIMS: { status: 403, graphQlCode: 'FORBIDDEN' },
  CROSS_SITE_REQUEST: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_LIMIT: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_INPUT: { status: 400, graphQlCode: 'BAD_REQUEST' },
  TOO_MANY_REQUESTS: { status: 429, graphQlCode: 'TOO_MANY_REQUESTS' },
  SESSION_STORE_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_STORE_FAILED: { status: 500, graphQlCode: 'INTERNAL_SERVER_ERROR' },
};

// What every body has, and GraphQL tells in a way of its own.
const COMMON_FIELDS: ReadonlySet<string> = new Set(['statusCode', 'code', 'message']);

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

  private answeredStatus: number;

  /** @internal */
  constructor({ code, reason, status, body, session, cause }: Refusal) {
    super({ statusCode: status, code, ...body }, KINDS[code].status, { cause });
    this.reason = reason;
    this.refusedSession = session;
    this.answeredStatus = status;
  }

  override getStatus(): number {
    return this.answeredStatus;
  }

  override getResponse(): object {
    return { ...(super.getResponse() as object), statusCode: this.answeredStatus };
  }

  /** @internal */
  answerWith(status: number): void {
    this.answeredStatus = status;
  }

  /** The status, by the name that HTTP servers and Mercurius look for. */
  get statusCode(): number {
    return this.answeredStatus;
  }

  /** What GraphQL servers tell their clients: the code that these know, the HTTP status, and the fields of the body. */
  get extensions(): Readonly<Record<string, unknown>> {
    const body = this.getResponse() as Record<string, unknown>;
    const fields = Object.fromEntries(
      Object.entries(body).filter(([name]) => !COMMON_FIELDS.has(name)),
    );
    const http = { status: body['statusCode'] };
    return { ...fields, code: KINDS[this.code].graphQlCode, http, originalError: body };
  }
}
