// Proxies close connections on which nothing happens, most of them after a minute.
const LONGEST_SECONDS = 30;
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i;

/**
 * How long a client is willing to wait for news, in whole seconds, by its header `Prefer: wait=…` (RFC 7240 §4.3).
 *
 * @param preferences the value of `Prefer`
 */
export function preferredWait(preferences: string | undefined): number {
  const seconds = preferences === undefined ? undefined : WAIT.exec(preferences)?.[1];
  return Math.min(Number(seconds ?? 0), LONGEST_SECONDS);
}
