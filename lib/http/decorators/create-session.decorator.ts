import { applyDecorators, UseInterceptors, type CanActivate, type Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { checkCreateSessionOptions } from '../login/create-session-options.js';
import { CreateSessionInterceptor } from '../login/create-session.interceptor.js';
import { loginOfKind } from '../login/login-of-kind.js';
import { LoginStartGuard } from '../login/login-start.guard.js';
import { loginStartOfKind } from '../login/login-start-of-kind.js';
import { sessionsFirst } from './guard-order.js';
import { CreateSessionMetadata, type CreateSessionOptions } from './create-session.metadata.js';
import { markTogether, onlyOneLogin } from './stacked-decorators.js';

/**
 * Logs in the user that the handler returns. A session is created after the handler, and its tokens are attached to the
 * response, whose body stays the handler's result. A string is the user's id; `userId` selects the id from an object.
 * `null` or `undefined` answers 401, without a session. A handler that throws creates no session either. The session
 * counts from the beginning of the request: if the user's sessions are revoked meanwhile, the answer is 401.
 *
 * Works on HTTP handlers (Express, Fastify) and on GraphQL resolvers.
 *
 * @example
 * ```ts
 * @Post('login') @CreateSession<User>({ userId: (user) => user.id })
 * login(@Body() form: Credentials) { return this.users.check(form); }
 * ```
 * @throws {SessionInputException} for a wrong option, or for a second one on a handler
 * @publicApi
 */
export function CreateSession<Result = string>(
  options: CreateSessionOptions<Result> = {},
): MethodDecorator {
  const checked = checkCreateSessionOptions(options);
  const { kind } = checked;
  const interceptor = kind === undefined ? CreateSessionInterceptor : loginOfKind(kind);
  const start = kind === undefined ? LoginStartGuard : loginStartOfKind(kind);
  return applyDecorators(
    markTogether(CreateSessionMetadata, checked, onlyOneLogin),
    UseInterceptors(interceptor),
    beforeOtherGuards(start),
    sessionsFirst,
  );
}

// `UseGuards` would put it behind the guards of the decorators below, whose wrong passwords would not count.
function beforeOtherGuards(start: Type<CanActivate>): MethodDecorator {
  return (_target, _name, { value: handler }) => {
    const others = (Reflect.getMetadata(GUARDS_METADATA, handler as object) ??
      []) as Type<CanActivate>[];
    Reflect.defineMetadata(GUARDS_METADATA, [start, ...others], handler as object);
  };
}
