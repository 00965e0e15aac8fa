import { headerValues, setHeader, type HttpResponse } from '../context/http-response.js';

/**
 * Puts a `Set-Cookie` line into a response. RFC 6265 §4.1.1: no two of them for one cookie. The last one counts, and other
 * cookies stay. The same name with another Domain or Path is another cookie (§5.3), and so is one with `Partitioned` (CHIPS).
 */
export function putCookie(response: HttpResponse, line: string): void {
  const cookie = identity(line);
  const others = headerValues(response, 'set-cookie').filter((it) => identity(it) !== cookie);
  setHeader(response, 'set-cookie', [...others, line]);
}

function identity(line: string): string {
  const domain = /;\s*domain=\.?([^;]*)/i.exec(line)?.[1] ?? '';
  const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '';
  const name = line.slice(0, line.indexOf('='));
  const isPartitioned = /;\s*partitioned\s*(;|$)/i.test(line);
  return `${name};${domain.trim().toLowerCase()};${path.trim()};${isPartitioned}`;
}
