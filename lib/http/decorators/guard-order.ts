import { applyDecorators, UseGuards } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { sessionGuardOf } from '../verify/guard-of-kind.js';
import { CreateSessionMetadata } from './create-session.metadata.js';
import { noteGuardedMethod } from './guarded-methods.js';
import { isSessionGuard } from './verify-session.metadata.js';

/** Guards a route or a controller by sessions, in whatever order its decorators stand. */
export function guardBySession(kind: string | undefined): MethodDecorator & ClassDecorator {
  return applyDecorators(UseGuards(sessionGuardOf(kind)), sessionsFirst, noteGuardedMethod);
}

/**
 * Puts the guards of sessions before the start of a login on the same handler. They check no password, and a session
 * that must be refreshed is no failed login.
 */
export function sessionsFirst(
  _target: object,
  _name?: string | symbol,
  descriptor?: PropertyDescriptor,
): void {
  const handler = descriptor?.value as object | undefined;
  if (handler === undefined || !Reflect.hasMetadata(CreateSessionMetadata.KEY, handler)) return;
  const guards = (Reflect.getMetadata(GUARDS_METADATA, handler) ?? []) as unknown[];
  const [first, others] = [guards.filter(isSessionGuard), guards.filter((e) => !isSessionGuard(e))];
  Reflect.defineMetadata(GUARDS_METADATA, [...first, ...others], handler);
}
