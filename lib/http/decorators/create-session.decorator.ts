import { applyDecorators, UseInterceptors } from '@nestjs/common';
import { checkCreateSessionOptions } from '../create-session-options.js';
import { CreateSessionInterceptor } from '../create-session.interceptor.js';
import { loginOfKind } from '../login-of-kind.js';
import { CreateSessionMetadata, type CreateSessionOptions } from './create-session.metadata.js';

/**
 * Logs the user in whom the handler returns: a session is created after it, and its tokens are attached to the
 * response, whose body stays what the handler returned. A string is the user's id; of an object `userId` selects it.
 * `null` or `undefined` answers 401 and creates nothing, and so does a handler that throws.
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
  return applyDecorators(CreateSessionMetadata(checked), UseInterceptors(interceptor));
}
