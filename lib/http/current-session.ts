import type { SessionContainer } from '../session/container/session-container.js';
import type { GuardedRouteOptions } from './decorators/verify-session.metadata.js';

const FINDINGS = Symbol('nestjs-auth-sessions: current session');

/** What a guard has found for a request: no session where none is required, and what it was asked to check. */
export interface FoundSession {
  readonly session: SessionContainer | undefined;
  readonly checked: {
    readonly options: GuardedRouteOptions;
    readonly maxAgeMs: number | undefined;
  };
}

/** What stands for a module: the object that verifies its sessions. */
type Verifying = object;

interface Findings {
  /** The module that looked first, which is the only one of most applications. */
  readonly by: Verifying;
  found: FoundSession;
  others?: Map<Verifying, FoundSession>;
  /** The handlers that a guard of another module guards. */
  handlers?: Map<object, Verifying>;
}

interface GuardedRequest {
  [FINDINGS]?: Findings;
}

/**
 * Keeps with the request what a guard has found. Each module's guard finds its own: a customer must not pass for one of
 * the staff.
 */
export function rememberSession(request: unknown, by: Verifying, found: FoundSession): void {
  const findings = findingsOf(request);
  if (findings === undefined) (request as GuardedRequest)[FINDINGS] = { by, found };
  else if (findings.by === by) findings.found = found;
  else (findings.others ??= new Map<Verifying, FoundSession>()).set(by, found);
}

/** What a module's guard has found; `undefined` where none has looked. */
export function rememberedSession(request: unknown, by: Verifying): FoundSession | undefined {
  const findings = findingsOf(request);
  return findings?.by === by ? findings.found : findings?.others?.get(by);
}

/** Notes whose session a handler gets: that of the module whose guard stands nearest to it. */
export function noteGuarded(request: unknown, by: Verifying, handler: object): void {
  const findings = findingsOf(request);
  if (findings === undefined || findings.by === by) return;
  (findings.handlers ??= new Map<object, Verifying>()).set(handler, by);
}

/** What has been found for a handler; `undefined` where no guard has looked. */
export function sessionFor(request: unknown, handler: object): FoundSession | undefined {
  const findings = findingsOf(request);
  const other = findings?.handlers?.get(handler);
  return other === undefined ? findings?.found : findings?.others?.get(other);
}

/** Whether it is this module's guard that stands nearest to what a request has come to. */
export function isGuardedBy(request: unknown, by: Verifying): boolean {
  const findings = findingsOf(request);
  const nearest = [...(findings?.others?.keys() ?? [])].at(-1) ?? findings?.by;
  return nearest === by;
}

function findingsOf(request: unknown): Findings | undefined {
  return (request as GuardedRequest)[FINDINGS];
}
