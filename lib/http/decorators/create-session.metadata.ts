import type { ExecutionContext, HttpException } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import type { SessionContainer } from '../../session/container/session-container.js';

/** Selects one part of a session from the handler's result. @publicApi */
export type SessionSelector<Result, Value> = (
  result: Result,
  context: ExecutionContext,
) => Value | Promise<Value>;

/** The options of `@CreateSession`. @publicApi */
export interface CreateSessionOptions<Result = string> {
  /** The kind of the session, as in `SessionModule.forRoot({ kind })`. @default that of the module without a kind */
  kind?: string;
  /** The user's id. @default the handler's result, if that is a string */
  userId?: SessionSelector<NonNullable<Result>, string>;
  /** The tenant of the session. @default 'public' */
  tenantId?: string | SessionSelector<NonNullable<Result>, string>;
  /** The user's own claims for the access token; the browser can read them. @default {} */
  accessTokenPayload?: SessionSelector<NonNullable<Result>, Partial<AccessTokenPayload>>;
  /** The application's own data for the session, which no client sees. @default {} */
  sessionDataInDatabase?: SessionSelector<NonNullable<Result>, object>;
  /** Whether the cookies outlive the browser ("remember me"). @default the module's `persistent` */
  persistent?: boolean | SessionSelector<NonNullable<Result>, boolean>;
  /** Accepts logins that other sites' pages send, such as a SAML or `form_post` callback. @default false */
  allowCrossSite?: boolean;
  /** The body of the answer. @default the handler's whole result */
  answer?: (
    result: NonNullable<Result>,
    session: SessionContainer,
    context: ExecutionContext,
  ) => unknown;
  /**
   * The answer to a login whose handler returns `null` or `undefined`: a status from 400 to 499, or an exception.
   * Clients that treat a 401 as "refresh, then try again" send a wrong password again: SuperTokens' SDK up to eleven
   * times while an older session of the page lives. So give another status, such as 422. @default 401
   */
  refusal?: number | ((context: ExecutionContext) => HttpException);
  /** Whether the login ends the session that the request carries. @default the module's `revokePreviousSession` */
  revokePrevious?: boolean;
}

/** The options of a handler with `@CreateSession`, for the interceptor. */
export const CreateSessionMetadata = Reflector.createDecorator<CreateSessionOptions<unknown>>();
