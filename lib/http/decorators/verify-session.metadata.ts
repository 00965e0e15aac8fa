import { Reflector } from '@nestjs/core';
import type { VerifySessionOptions } from '../request-verification.js';

/** What `@VerifySession` takes. @publicApi */
export interface GuardedRouteOptions extends VerifySessionOptions {
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
