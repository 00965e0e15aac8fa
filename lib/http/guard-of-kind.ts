import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { tokenOfKind } from '../options/kind.js';
import { GUARDS_SESSIONS } from './decorators/verify-session.metadata.js';

const guards = new Map<string, Type<CanActivate>>();

/** The guard of a kind of sessions, for whichever module its routes stand in. */
export function guardOfKind(kind: string): Type<CanActivate> {
  const known = guards.get(kind);
  if (known !== undefined) return known;

  @Injectable()
  class SessionGuardOfKind implements CanActivate {
    static readonly [GUARDS_SESSIONS] = true;

    constructor(@Inject(tokenOfKind(kind, 'guard')) private readonly guard: CanActivate) {}

    canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
      return this.guard.canActivate(context);
    }
  }
  guards.set(kind, SessionGuardOfKind);
  return SessionGuardOfKind;
}
