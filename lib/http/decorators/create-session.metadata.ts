import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';

/** Takes one part of a session from what the handler returned. @publicApi */
export type SessionSelector<Result, Value> = (
  result: Result,
  context: ExecutionContext,
) => Value | Promise<Value>;

/** What `@CreateSession` takes. @publicApi */
export interface CreateSessionOptions<Result = string> {
  /** Which kind of session, as `SessionModule.forRoot({ kind })` has it. @default that of the module without a kind */
  kind?: string;
  /** The user's id. @default the handler's result, if that is a string */
  userId?: SessionSelector<NonNullable<Result>, string>;
  /** The tenant that the session belongs to. @default 'public' */
  tenantId?: string | SessionSelector<NonNullable<Result>, string>;
  /** Claims of the user's own for the access token; the browser can read them. @default {} */
  accessTokenPayload?: SessionSelector<NonNullable<Result>, Partial<AccessTokenPayload>>;
  /** What the server keeps for the session and no client sees. @default {} */
  sessionDataInDatabase?: SessionSelector<NonNullable<Result>, object>;
  /** Whether the cookies outlive the browser ("remember me"). @default the module's `persistent` */
  persistent?: boolean | SessionSelector<NonNullable<Result>, boolean>;
  /** Opens the login to requests that other sites' pages send, such as a SAML or `form_post` callback. @default false */
  allowCrossSite?: boolean;
}

/** The options of a handler with `@CreateSession`, for the interceptor. */
export const CreateSessionMetadata = Reflector.createDecorator<CreateSessionOptions<unknown>>();
