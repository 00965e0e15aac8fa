import {
  createParamDecorator,
  Logger,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { PARAMTYPES_METADATA } from '@nestjs/common/constants.js';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { isMessage, sessionHolderOf } from '../context/execution-context.js';
import { sessionFor } from '../current-session.js';
import { declaredOn, lineageOf } from './verify-session.metadata.js';

type Pipe = Type<PipeTransform> | PipeTransform;

interface CurrentSessionDecorator {
  (claim?: keyof AccessTokenPayload & string, ...pipes: Pipe[]): ParameterDecorator;
  (...pipes: Pipe[]): ParameterDecorator;
}

const FromRequest: (...given: (string | Pipe)[]) => ParameterDecorator = createParamDecorator(
  (claim: string | undefined, context: ExecutionContext): unknown => {
    const found = sessionFor(sessionHolderOf(context), context.getHandler());
    if (found === undefined && !isGuardReplaced(context)) {
      const handler = `${context.getClass().name}.${context.getHandler().name}`;
      const ofMicroservice = isMessage(context)
        ? 'That guards a microservice of the application only if it is connected with `inheritAppConfig: true`. '
        : '';
      throw new Error(
        `@CurrentSession() on ${handler}: no guard has looked for a session. Add @VerifySession(), or guard the whole ` +
          `application: { provide: APP_GUARD, useExisting: SessionGuard }. ${ofMicroservice}A handler with ` +
          '@CreateSession() runs before its session exists. A test provides a FakeSessionGuard as APP_GUARD.',
      );
    }
    const session = found?.session;
    return claim === undefined ? session : session?.getAccessTokenPayload()[claim];
  },
);

/**
 * Gives a handler the session that the guard has verified, or one claim of its access token. `undefined` if
 * `sessionRequired: false` let a request without a session pass, or if a test has replaced the guard.
 *
 * Pipes can turn it into something else, as with `@Body()`, for example into the session's user.
 *
 * @param claim the name of a claim; without it the whole session
 * @example
 * ```ts
 * me(@CurrentSession() session: SessionContainer, @CurrentSession('plan') plan: string) {}
 * me(@CurrentSession(UserPipe) user: User) {}
 * ```
 * @throws {Error} on a handler that no `SessionGuard` guards; with `NODE_ENV=production` also if another guard has
 *   replaced it
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

// A test does this with `overrideGuard(SessionGuard).useValue({ canActivate: () => true })`. In production, no request
// passes without the guard's check.
function isGuardReplaced(context: ExecutionContext): boolean {
  const declared = [context.getHandler(), ...lineageOf(context.getClass())].map(declaredOn);
  if (process.env['NODE_ENV'] === 'production' || !declared.some((each) => each.isGuarded)) {
    return false;
  }
  new Logger('SessionModule').warn(
    'SessionGuard is replaced, so @CurrentSession() gives undefined. Use FakeSessionGuard from nestjs-auth-sessions/testing to get a session',
  );
  return true;
}

// A pipe such as `ValidationPipe({ validateCustomDecorators: true })` would make a new object of the parameter's type,
// which is not a session. Pipes leave `Object` alone.
function hideTypeFromPipes(target: object, handler: string | symbol, index: number): void {
  const types = Reflect.getMetadata(PARAMTYPES_METADATA, target, handler) as unknown[] | undefined;
  if (types === undefined) return;
  Reflect.defineMetadata(PARAMTYPES_METADATA, types.with(index, Object), target, handler);
}
