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
  | 'DEVICE_PROOF_REFUSED'
  | 'DEVICE_PROOF_MISSING'
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_ISSUER_UNAVAILABLE'
  | 'SESSION_STORE_FAILED';

/** The option that sets the status of an error's answer. @internal */
export type StatusOption = 'sessionExpiredStatusCode' | 'invalidClaimStatusCode';

/** The session that a refusal is about, if an authentic token or a row names it. @internal */
export interface RefusedSession {
  readonly sessionHandle: string;
  readonly userId: string;
}

/** The parts of a session error. @internal */
export interface Refusal {
  readonly code: SessionErrorCode;
  readonly reason: RefusalReason;
  /** @default the status of its kind */
  readonly status?: number | undefined;
  /** The body for clients, apart from status and code. SuperTokens' SDKs read only `message`. */
  readonly body: { readonly message: string } & Readonly<Record<string, unknown>>;
  readonly session?: RefusedSession | undefined;
  readonly cause?: unknown;
}

// GraphQL clients know these codes by kind. GraphQL servers find the kind by status, which an option may change.
const KINDS: Readonly<Record<SessionErrorCode, { status: number; graphQlCode: string }>> = {
  UNAUTHORISED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TRY_REFRESH_TOKEN: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TOKEN_THEFT_DETECTED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  INVALID_CLAIMS: { status: 403, graphQlCode: 'FORBIDDEN' },
  CROSS_SITE_REQUEST: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_LIMIT: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_INPUT: { status: 400, graphQlCode: 'BAD_REQUEST' },
  TOO_MANY_REQUESTS: { status: 429, graphQlCode: 'TOO_MANY_REQUESTS' },
  DEVICE_PROOF_REFUSED: { status: 403, graphQlCode: 'FORBIDDEN' },
  DEVICE_PROOF_MISSING: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_STORE_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_ISSUER_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_STORE_FAILED: { status: 500, graphQlCode: 'INTERNAL_SERVER_ERROR' },
};

// Every body has these, and GraphQL has other places for them.
const COMMON_FIELDS: ReadonlySet<string> = new Set(['statusCode', 'code', 'message']);

/**
 * The base of every error that can end a request. It is an HTTP exception, so no filter has to be installed.
 *
 * @publicApi
 */
export abstract class SessionException extends HttpException {
  /** The kind of error, named as in SuperTokens' recipe. */
  abstract readonly code: SessionErrorCode;

  /** Why, for logs and counters. It is never sent to the client. */
  readonly reason: RefusalReason;

  /**
   * Whether the answer removes the client's tokens: only if the session is proven dead, or if the application itself
   * throws the error.
   */
  readonly clearTokens: boolean = false;

  /** Seconds after which the client may ask again: the header `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  /** @internal the option of the module that gives the status if the thrower gave none */
  readonly statusOption: StatusOption | undefined;

  /** @internal */
  readonly refusedSession: RefusedSession | undefined;

  private answeredStatus: number;

  /** @internal */
  constructor({ code, reason, status = KINDS[code].status, body, session, cause }: Refusal) {
    // Without the status, Nest's driver for Apollo would report all but three kinds as server errors.
    super({ code, ...body }, KINDS[code].status, { cause });
    this.reason = reason;
    this.refusedSession = session;
    this.answeredStatus = status;
  }

  override getStatus(): number {
    return this.answeredStatus;
  }

  override getResponse(): object {
    return { statusCode: this.answeredStatus, ...(super.getResponse() as object) };
  }

  /** @internal */
  answerWith(status: number): void {
    this.answeredStatus = status;
  }

  /** The status, under the name that HTTP servers and Mercurius look for. */
  get statusCode(): number {
    return this.answeredStatus;
  }

  /**
   * The extensions that GraphQL servers send: the code that their clients know, the HTTP status, and the body's fields.
   */
  get extensions(): Readonly<Record<string, unknown>> {
    const body = this.getResponse() as Record<string, unknown>;
    const fields = Object.fromEntries(
      Object.entries(body).filter(([name]) => !COMMON_FIELDS.has(name)),
    );
    const http = { status: body['statusCode'] };
    return { ...fields, code: KINDS[this.code].graphQlCode, http, originalError: body };
  }
}
