import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { oncePerKind, tokenOfKind } from '../../options/kind.js';
import { GUARDS_SESSIONS } from '../decorators/verify-session.metadata.js';
import { SessionGuard } from './session.guard.js';

/** The guard of a kind of sessions, usable on routes in any module. */
const guardOfKind = oncePerKind((kind): Type<CanActivate> => {
  @Injectable()
  class SessionGuardOfKind implements CanActivate {
    static readonly [GUARDS_SESSIONS] = true;

    constructor(@Inject(tokenOfKind(kind, 'guard')) private readonly guard: CanActivate) {}

    canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
      return this.guard.canActivate(context);
    }
  }
  return SessionGuardOfKind;
});

/**
 * The guard that decorators put on a route, and the one to name in `overrideGuard`: each kind of sessions has its own,
 * apart from `SessionGuard`.
 *
 * @publicApi
 */
export function sessionGuardOf(kind?: string): Type<CanActivate> {
  return kind === undefined ? SessionGuard : guardOfKind(kind);
}
