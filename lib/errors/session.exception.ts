import { HttpException } from '@nestjs/common';
import { ERROR_STATUSES, type SessionErrorCode, type StatusOption } from './error-statuses.js';
import type { RefusalReason } from './refusal-reason.js';

/** The session that a refusal is about, if an authentic token or a row names it. */
export interface RefusedSession {
  readonly sessionHandle: string;
  readonly userId: string;
}

/** The parts of a session error. */
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

  constructor({
    code,
    reason,
    status = ERROR_STATUSES[code].status,
    body,
    session,
    cause,
  }: Refusal) {
    // Without the status, Nest's driver for Apollo would report all but three kinds as server errors.
    super({ code, ...body }, ERROR_STATUSES[code].status, { cause });
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
    return { ...fields, code: ERROR_STATUSES[this.code].graphQlCode, http, originalError: body };
  }
}
