import type { SessionKind } from '../options/kind.js';
import { endByThemselves } from '../session/container/own-ends.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import type { VerifySessionOptions } from './verify/verify-session-options.js';
import type { GuardedRouteOptions } from './decorators/verify-session.metadata.js';

const FINDINGS = Symbol('nestjs-auth-sessions: current session');

/** The result of a guard for a request: a session, or none if it is not required, and the checks that were made. */
export interface FoundSession {
  readonly session: ReadonlySession | undefined;
  readonly checked: {
    readonly options: GuardedRouteOptions;
    readonly maxAgeMs: number | undefined;
    /** The options, with those added for roles, permissions and freshness. */
    readonly asked?: VerifySessionOptions;
  };
}

/** Represents a module: the object that verifies its sessions. */
export interface Verifying {
  readonly options: { readonly kind: SessionKind };
}

interface Findings {
  /** The module that looked first, in most applications the only one. */
  readonly by: Verifying;
  found: FoundSession;
  others?: Map<Verifying, FoundSession>;
  /** The handlers that another module's guard protects. */
  handlers?: Map<object, Verifying>;
}

interface GuardedRequest {
  [FINDINGS]?: Findings;
  /** Fastify's property for Node's own request, which is all that loggers and middleware have. */
  readonly raw?: unknown;
}

/**
 * Keeps a guard's result with the request. Each module's guard has its own result, so that a customer can't pass for
 * staff.
 */
export function rememberSession(request: unknown, by: Verifying, found: FoundSession): void {
  const findings = findingsOf(request);
  if (findings === undefined) keep(request as GuardedRequest, { by, found });
  else if (findings.by === by) findings.found = found;
  else (findings.others ??= new Map<Verifying, FoundSession>()).set(by, found);
}

/** The same for a session whose tokens the answer brings: it is as certain as if the database had been asked. */
export function rememberIssued(request: unknown, by: Verifying, session: ReadonlySession): void {
  const options = { checkDatabase: true, antiCsrfCheck: true };
  rememberSession(request, by, { session, checked: { options, maxAgeMs: undefined } });
}

/** The result of a module's guard; `undefined` if none has looked. */
export function rememberedSession(request: unknown, by: Verifying): FoundSession | undefined {
  const findings = findingsOf(request);
  return findings?.by === by ? findings.found : findings?.others?.get(by);
}

/** Notes which module's session a handler gets: that of the module whose guard is nearest. */
export function noteGuarded(request: unknown, by: Verifying, handler: object): void {
  const findings = findingsOf(request);
  if (findings === undefined || findings.by === by) return;
  (findings.handlers ??= new Map<object, Verifying>()).set(handler, by);
}

/** The result for a handler; `undefined` if no guard has looked. */
export function sessionFor(request: unknown, handler: object): FoundSession | undefined {
  const findings = findingsOf(request);
  const other = findings?.handlers?.get(handler);
  return other === undefined ? findings?.found : findings?.others?.get(other);
}

/**
 * The session that was found for a request.
 *
 * @param kind the kind of the session; by default that of the guard nearest to the request's current handler
 */
export function foundIn(request: unknown, kind: SessionKind): FoundSession | undefined {
  const findings = findingsOf(request);
  if (findings === undefined) return undefined;
  const { by, found, others = new Map<Verifying, FoundSession>() } = findings;
  const all = [[by, found] as const, ...others];
  const ofKind = kind === undefined ? all : all.filter(([each]) => each.options.kind === kind);
  return ofKind.at(-1)?.[1];
}

/** Whether this module's guard is the nearest to the request's current handler. */
export function isGuardedBy(request: unknown, by: Verifying): boolean {
  const findings = findingsOf(request);
  const nearest = [...(findings?.others?.keys() ?? [])].at(-1) ?? findings?.by;
  return nearest === by;
}

/**
 * Runs a request's own login, renewal, way back or sign-out, which may end sessions that were found for it.
 *
 * @param endedBy the handles of the sessions that the work has ended, or has put another in the place of
 */
export function endingOwnSession<T>(
  request: unknown,
  work: () => Promise<T>,
  endedBy: (result: T) => readonly string[],
): Promise<T> {
  const { found, others } = findingsOf(request) ?? {};
  const all = [found, ...(others?.values() ?? [])];
  return endByThemselves(
    all.flatMap((each) => each?.session ?? []),
    work,
    endedBy,
  );
}

function keep(request: GuardedRequest, findings: Findings): void {
  request[FINDINGS] = findings;
  const { raw } = request;
  if (typeof raw === 'object' && raw !== null) (raw as GuardedRequest)[FINDINGS] = findings;
}

function findingsOf(request: unknown): Findings | undefined {
  return (request as GuardedRequest | undefined)?.[FINDINGS];
}
