import type { SessionContainer } from '../session/container/session-container.js';
import type { GuardedRouteOptions } from './decorators/verify-session.metadata.js';

const CURRENT_SESSION = Symbol('nestjs-auth-sessions: current session');

/** What a guard has found for a request: no session where none is required, and what it was asked to check. */
export interface FoundSession {
  readonly session: SessionContainer | undefined;
  readonly checked: {
    readonly options: GuardedRouteOptions;
    readonly maxAgeMs: number | undefined;
  };
}

interface GuardedRequest {
  [CURRENT_SESSION]?: FoundSession;
}

/** Keeps with the request what the guard has found. */
export function rememberSession(request: unknown, found: FoundSession): void {
  (request as GuardedRequest)[CURRENT_SESSION] = found;
}

/** What the guard has found; `undefined` where none has looked. */
export function rememberedSession(request: unknown): FoundSession | undefined {
  return (request as GuardedRequest)[CURRENT_SESSION];
}
