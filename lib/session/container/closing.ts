import type { Closing } from '../../verification/session-ends.js';

/** The object that reports the end of a response or a socket. Fastify's reply contains Node's response. */
export function closingIn(scope: unknown): Closing | undefined {
  try {
    const { raw = scope } = (scope ?? {}) as { raw?: unknown };
    const isClosing = typeof (raw as Partial<Closing> | null | undefined)?.once === 'function';
    return isClosing ? (raw as Closing) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an object has closed already. It does not report that a second time. */
export function isClosed(scope: Closing): boolean {
  const { destroyed, readyState, stream } = scope as Closing & States;
  // A response of HTTP/2 shows it by its stream, a connection of Engine.IO by its state.
  return destroyed === true || readyState === 'closed' || stream?.closed === true;
}

interface States {
  readonly destroyed?: unknown;
  readonly readyState?: unknown;
  readonly stream?: { readonly closed?: unknown };
}
