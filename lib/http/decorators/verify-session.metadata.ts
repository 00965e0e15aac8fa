import type { ApplicationConfig } from '@nestjs/core';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import type { WantedNames } from '../../claims/wanted-names.js';
import type { Declared } from '../routes/asked-of-session.js';
import type { VerifySessionOptions } from '../verify/verify-session-options.js';

/** The options of `@VerifySession`. @publicApi */
export interface GuardedRouteOptions extends VerifySessionOptions {
  /** The kind of the sessions, as in `SessionModule.forRoot({ kind })`. @default those of the module without a kind */
  kind?: string;
  /** Roles that the user must have (claim `st-role`): all of a list, or one of `{ any: ['admin', 'editor'] }`. */
  roles?: WantedNames;
  /** Permissions that the user must have (claim `st-perm`): all of a list, or one of `{ any: [...] }`. */
  permissions?: WantedNames;
  /**
   * Whether the session must be bound to its device (`deviceBinding`). Any other session gets "invalid claim" with the
   * failing validator `bound`. @default false
   */
  bound?: boolean;
}

/** The options of a handler or controller with `@VerifySession`. */
export const VerifySessionMetadata = Reflector.createDecorator<GuardedRouteOptions>();

/** The age in milliseconds of a handler or controller with `@RequireFresh`. */
export const RequireFreshMetadata = Reflector.createDecorator<number>();

/** Marks a handler or controller with `@ForbidImpersonation`. */
export const ForbidImpersonationMetadata = Reflector.createDecorator<true>();

/** Marks a handler or controller that the guard leaves open. */
export const PublicAccessMetadata = Reflector.createDecorator<true>();

/** Marks the guard's class, so that `@UseGuards(SessionGuard)` is recognized, also with a subclass. */
export const GUARDS_SESSIONS: unique symbol = Symbol('nestjs-auth-sessions: guard');

/** The decorators on a handler or a class itself. Inherited ones belong to the class above. */
export function declaredOn(target: object): Declared {
  const own = (key: string): unknown => Reflect.getOwnMetadata(key, target);
  const options = own(VerifySessionMetadata.KEY) as GuardedRouteOptions | undefined;
  const maxAgeMs = own(RequireFreshMetadata.KEY) as number | undefined;
  const guards = ownGuards(target);
  return {
    options: options ?? {},
    maxAgeMs,
    forbidsImpersonation: own(ForbidImpersonationMetadata.KEY) === true,
    isGuarded: options !== undefined || maxAgeMs !== undefined || guards.some(isSessionGuard),
    isPublic: own(PublicAccessMetadata.KEY) === true,
  };
}

// `@UseGuards` copies the guards of the class above into those of the class itself.
function ownGuards(target: object): unknown[] {
  return guardsOf(target).slice(guardsOf(Object.getPrototypeOf(target) as object).length);
}

function guardsOf(target: object): unknown[] {
  return (Reflect.getMetadata(GUARDS_METADATA, target) as unknown[] | undefined) ?? [];
}

/** A class and the classes that it extends, the nearest first. */
export function lineageOf(type: object): object[] {
  const lineage: object[] = [];
  for (let each = type; each !== Function.prototype && typeof each === 'function';) {
    lineage.push(each);
    each = Object.getPrototypeOf(each) as object;
  }
  return lineage;
}

/** Whether a guard, or the class of one, is ours. */
export function isSessionGuard(guard: unknown): boolean {
  if (typeof guard === 'function') return GUARDS_SESSIONS in guard;
  return typeof guard === 'object' && guard !== null && GUARDS_SESSIONS in guard.constructor;
}

/** Whether the guard of sessions is one of the whole application (APP_GUARD). */
export function isApplicationGuarded(config: ApplicationConfig): boolean {
  const requestGuards = config.getGlobalRequestGuards().map(({ metatype }) => metatype);
  return [...config.getGlobalGuards(), ...requestGuards].some(isSessionGuard);
}
