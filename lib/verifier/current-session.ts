import type { ArgumentsHost } from '@nestjs/common';
import {
  currentSession as currentSessionOfHttp,
  sessionOf as sessionOfHttp,
} from '../http/session-of-request.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';

/**
 * The session that a guard has verified, for any code with a Nest context: later guards, interceptors, pipes and
 * exception filters. It never queries or throws.
 *
 * @publicApi
 */
export const currentSession: (host: ArgumentsHost, kind?: string) => ReadonlySession | undefined =
  currentSessionOfHttp;

/** The same by the request: that of Express or Fastify, or Node's, which loggers and middleware have. @publicApi */
export const sessionOf: (request: unknown, kind?: string) => ReadonlySession | undefined =
  sessionOfHttp;
