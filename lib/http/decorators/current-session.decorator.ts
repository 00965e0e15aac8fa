import {
  createParamDecorator,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { PARAMTYPES_METADATA } from '@nestjs/common/constants.js';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { requestAndResponseOf } from '../context/execution-context.js';
import { sessionFor } from '../current-session.js';

type Pipe = Type<PipeTransform> | PipeTransform;

interface CurrentSessionDecorator {
  (claim?: keyof AccessTokenPayload & string, ...pipes: Pipe[]): ParameterDecorator;
  (...pipes: Pipe[]): ParameterDecorator;
}

const FromRequest: (...given: (string | Pipe)[]) => ParameterDecorator = createParamDecorator(
  (claim: string | undefined, context: ExecutionContext): unknown => {
    const found = sessionFor(requestAndResponseOf(context).request, context.getHandler());
    if (found === undefined) {
      const handler = `${context.getClass().name}.${context.getHandler().name}`;
      throw new Error(
        `@CurrentSession() on ${handler}: no guard has looked for a session; add @VerifySession()`,
      );
    }
    const { session } = found;
    return claim === undefined ? session : session?.getAccessTokenPayload()[claim];
  },
);

/**
 * Gives a handler the session that the guard has verified, or one claim of its access token. `undefined` where
 * `sessionRequired: false` let a request without a session pass.
 *
 * Pipes, as with `@Body()`, make something else of it, such as the user whom the session belongs to.
 *
 * @param claim the name of a claim; without it the whole session
 * @example
 * ```ts
 * me(@CurrentSession() session: SessionContainer, @CurrentSession('plan') plan: string) {}
 * me(@CurrentSession(UserPipe) user: User) {}
 * ```
 * @throws {Error} on a handler that no `SessionGuard` guards
 * @publicApi
 */
export const CurrentSession: CurrentSessionDecorator = (
  ...given: (string | Pipe | undefined)[]
): ParameterDecorator => {
  const isClaim = typeof given[0] === 'string';
  const fromRequest = FromRequest(...given.filter((each) => each !== undefined));
  return (target, handler, index) => {
    fromRequest(target, handler, index);
    if (!isClaim && handler !== undefined) hideTypeFromPipes(target, handler, index);
  };
};

// A pipe such as `ValidationPipe({ validateCustomDecorators: true })` would make a new object of the parameter's type, and
// of no session one. No pipe makes anything of `Object`.
function hideTypeFromPipes(target: object, handler: string | symbol, index: number): void {
  const types = Reflect.getMetadata(PARAMTYPES_METADATA, target, handler) as unknown[] | undefined;
  if (types === undefined) return;
  Reflect.defineMetadata(PARAMTYPES_METADATA, types.with(index, Object), target, handler);
}
