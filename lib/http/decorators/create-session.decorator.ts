import { applyDecorators, UseInterceptors, type CanActivate, type Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { checkCreateSessionOptions } from '../create-session-options.js';
import { CreateSessionInterceptor } from '../create-session.interceptor.js';
import { loginOfKind } from '../login-of-kind.js';
import { LoginStartGuard } from '../login-start.guard.js';
import { loginStartOfKind } from '../login-start-of-kind.js';
import { CreateSessionMetadata, type CreateSessionOptions } from './create-session.metadata.js';

/**
 * Logs the user in whom the handler returns: a session is created after it, and its tokens are attached to the
 * response, whose body stays what the handler returned. A string is the user's id; of an object `userId` selects it.
 * `null` or `undefined` answers 401 and creates nothing, and so does a handler that throws. The session counts from when
 * the request began: where the user's sessions are revoked meanwhile, it is 401.
 *
 * Works on HTTP handlers (Express, Fastify) and on GraphQL resolvers.
 *
 * @example
 * ```ts
 * @Post('login') @CreateSession<User>({ userId: (user) => user.id })
 * login(@Body() form: Credentials) { return this.users.check(form); }
 * ```
 * @throws {SessionInputException} for a wrong option
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
    CreateSessionMetadata(checked),
    UseInterceptors(interceptor),
    beforeOtherGuards(start),
  );
}

// `UseGuards` would put it behind those whose decorators stand below.
function beforeOtherGuards(start: Type<CanActivate>): MethodDecorator {
  return (_target, _name, { value: handler }) => {
    const others = (Reflect.getMetadata(GUARDS_METADATA, handler as object) ??
      []) as Type<CanActivate>[];
    Reflect.defineMetadata(GUARDS_METADATA, [start, ...others], handler as object);
  };
}
