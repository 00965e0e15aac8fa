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
