import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';
import type { SessionContainer } from '../session/container/session-container.js';
import { findSessionHolder } from './context/execution-context.js';
import { foundIn, sessionFor } from './current-session.js';

/**
 * The session that a guard has verified, for any code with a Nest context: later guards, interceptors, pipes and
 * exception filters. It never queries or throws.
 *
 * @param kind the kind, as in `SessionModule.forRoot({ kind })`. @default the kind of the handler's `@CurrentSession()`
 * @returns `undefined` if no guard has looked, or has found a session
 * @example
 * ```ts
 * const userId = currentSession(context)?.getUserId();
 * ```
 * @publicApi
 */
export function currentSession(host: ArgumentsHost, kind?: string): SessionContainer | undefined {
  const holder = findSessionHolder(host);
  if (!isObject(holder)) return undefined;
  const handler = (host as Partial<ExecutionContext>).getHandler?.();
  if (kind !== undefined || handler === undefined)
    return foundIn(holder, kind)?.session as SessionContainer | undefined;
  return sessionFor(holder, handler)?.session as SessionContainer | undefined;
}

/**
 * The same by the request: that of Express or Fastify, or Node's, which loggers and middleware have.
 *
 * @param kind the kind. @default that of the guard that looked last
 * @example
 * ```ts
 * LoggerModule.forRoot({
 *   pinoHttp: { customProps: (request) => ({ userId: sessionOf(request)?.getUserId() }) },
 * })
 * ```
 * @publicApi
 */
export function sessionOf(request: unknown, kind?: string): SessionContainer | undefined {
  return isObject(request)
    ? (foundIn(request, kind)?.session as SessionContainer | undefined)
    : undefined;
}

function isObject(request: unknown): boolean {
  return typeof request === 'object' && request !== null;
}
