import { headerOf, type HttpRequest } from '../context/http-request.js';

/** The values of a request under one cookie name: none, one, or several if somebody planted another. */
export type CookieValues = readonly string[];

/**
 * Reads a cookie from the raw header. Parsers keep one of several cookies of the same name, perhaps the attacker's, and
 * decode text that was never encoded. This drops only spaces and tabs around a name or value (RFC 6265bis §5.6).
 */
export function cookieValues(request: HttpRequest, name: string): CookieValues {
  const header = headerOf(request, 'cookie') ?? '';
  const values: string[] = [];
  // By positions, because slicing every pair took twice as long. Each character is read once, whatever the client
  // sends.
  for (let start = 0, equals = -1; start < header.length;) {
    if (equals < start) equals = header.indexOf('=', start);
    if (equals === -1) break;
    const semicolon = header.indexOf(';', start);
    const end = semicolon === -1 ? header.length : semicolon;
    if (equals < end && isTrimmed(header, start, equals, name)) {
      values.push(trim(header.slice(equals + 1, end)));
    }
    start = end + 1;
  }
  return values;
}

function isTrimmed(text: string, start: number, end: number, expected: string): boolean {
  const from = skipBlanks(text, start);
  if (!text.startsWith(expected, from)) return false;
  return skipBlanks(text, from + expected.length) === end;
}

function skipBlanks(text: string, from: number): number {
  let position = from;
  while (isBlank(text[position])) position += 1;
  return position;
}

// Without a regular expression: one for trailing blanks takes quadratic time over blanks in the middle.
function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1])) end -= 1;
  return text.slice(Math.min(skipBlanks(text, 0), end), end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
