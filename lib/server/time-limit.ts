/** How long the API may take. */
export const LIMIT_MS = 5_000;

/**
 * Waits for a promise, at most this long. At the edge, a request ends with the visitor for whom it was sent, and its
 * promise may never settle. So each visitor waits by a timer of their own.
 */
export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(ms);
  const limit = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
  return Promise.race([promise, limit]);
}
