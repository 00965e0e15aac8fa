import type { NodeResponse } from './visitor.js';

// The API offers to bind a new session to the visitor's device. Only the browser can take that.
const BINDING = 'secure-session-registration';
const isRemoval = (line: string) => /;\s*(max-age=0\b|expires=[^;]*1970)/i.test(line);

/** A visitor's cookies while one page is made, and the lines that change them. */
export class CookieJar {
  private cookies: string[];
  /** The `Set-Cookie` lines so far. */
  lines: readonly string[] = [];
  /** The headers of an answer with these lines. */
  readonly headers = new Map<string, string>();

  /** @param prefixes of the cookies that count, the strongest first; a sibling host can set those of any other name */
  constructor(
    header: string,
    private readonly prefixes: readonly string[],
  ) {
    this.cookies = header.split(/;\s*/).filter(Boolean);
  }

  get text(): string {
    return this.cookies.join('; ');
  }

  /** Several cookies of one name count as no token, because only the API can decide which one is meant. */
  find(name: string): string | undefined {
    for (const prefix of this.prefixes) {
      const start = prefix + name + '=';
      const found = this.cookies.filter((each) => each.startsWith(start));
      if (found.length > 0) return found.map((each) => each.slice(start.length)).join();
    }
    return undefined;
  }

  /** @returns whether the answer set any */
  keep({ headers }: Response): boolean {
    const lines = lastOfEach(headers.getSetCookie());
    if (lines.length === 0) return false;
    // Removals come first: beside a new cookie, the API removes others of its name, such as those of an older domain.
    for (const line of lines) {
      const start = line.slice(0, line.indexOf('=') + 1);
      this.cookies = this.cookies.filter((each) => !each.startsWith(start));
      if (!isRemoval(line)) this.cookies.push(...line.split(';', 1));
    }
    this.lines = lastOfEach([...this.lines, ...lines]);
    this.headers.set('cache-control', 'no-store');
    const offer = headers.get(BINDING);
    if (offer) this.headers.set(BINDING, offer);
    return true;
  }
}

// The same name with another Domain or Path is another cookie (RFC 6265 §5.3), and so is one with `Partitioned` (CHIPS).
const identity = (line: string) =>
  line.match(/^[^=]*|;\s*(domain|path|partitioned)\b[^;]*/gi)?.join();

// Of one cookie the last line counts, whatever an earlier answer or call has added.
function lastOfEach(lines: string[]): string[] {
  const last = [...new Map(lines.map((line) => [identity(line), line])).values()];
  // Frameworks that keep one line for each name take the last, so what is given follows what is removed.
  return [...last.filter(isRemoval), ...last.filter((line) => !isRemoval(line))];
}

/** Adds the lines to the answer of Express or Node, beside its own. */
export function addTo(response: NodeResponse, { lines, headers }: CookieJar): void {
  if (lines.length === 0) return;
  const before = [response.getHeader('set-cookie') ?? []].flat().map(String);
  response.setHeader('set-cookie', lastOfEach([...before, ...lines]));
  for (const [name, value] of headers) response.setHeader(name, value);
}
