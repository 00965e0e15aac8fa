import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import type { Declared } from '../asked-of-session.js';
import type { VerifySessionOptions } from '../request-verification.js';

/** What `@VerifySession` takes. @publicApi */
export interface GuardedRouteOptions extends VerifySessionOptions {
  /** Which kind of sessions, as `SessionModule.forRoot({ kind })` has it. @default those of the module without a kind */
  kind?: string;
  /** Roles that the user must have, all of them (claim `st-role`). */
  roles?: readonly string[];
  /** Permissions that the user must have, all of them (claim `st-perm`). */
  permissions?: readonly string[];
}

/** The options of a handler or controller with `@VerifySession`. */
export const VerifySessionMetadata = Reflector.createDecorator<GuardedRouteOptions>();

/** The age in milliseconds of a handler or controller with `@RequireFresh`. */
export const RequireFreshMetadata = Reflector.createDecorator<number>();

/** Marks a handler or controller that the guard lets pass. */
export const PublicAccessMetadata = Reflector.createDecorator<true>();

/** Marks the guard's class, so that `@UseGuards(SessionGuard)` is known, by a subclass of it too. */
export const GUARDS_SESSIONS: unique symbol = Symbol('nestjs-auth-sessions: guard');

/** What stands on a handler or a class itself. What a class inherits stands on the class that it extends. */
export function declaredOn(target: object): Declared {
  const own = (key: string): unknown => Reflect.getOwnMetadata(key, target);
  const options = own(VerifySessionMetadata.KEY) as GuardedRouteOptions | undefined;
  const maxAgeMs = own(RequireFreshMetadata.KEY) as number | undefined;
  const guards = (own(GUARDS_METADATA) as unknown[] | undefined) ?? [];
  return {
    options: options ?? {},
    maxAgeMs,
    isGuarded: options !== undefined || maxAgeMs !== undefined || guards.some(isSessionGuard),
    isPublic: own(PublicAccessMetadata.KEY) === true,
  };
}

function isSessionGuard(guard: unknown): boolean {
  if (typeof guard === 'function') return GUARDS_SESSIONS in guard;
  return typeof guard === 'object' && guard !== null && GUARDS_SESSIONS in guard.constructor;
}
