import type { NodeResponse } from './visitor.js';

const REMOVAL = /;\s*(max-age=0\b|expires=thu, 01 jan 1970)/i;

/** A visitor's cookies while one page is made, and the lines that change them. */
export class CookieJar {
  private cookies: string[];
  /** The `Set-Cookie` lines so far. */
  lines: readonly string[] = [];

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
    for (const start of this.prefixes.map((prefix) => `${prefix}${name}=`)) {
      const found = this.cookies.filter((each) => each.startsWith(start));
      if (found.length > 0) return found.map((each) => each.slice(start.length)).join();
    }
    return undefined;
  }

  /** @returns whether the answer set any */
  keep(answer: Response): boolean {
    const lines = lastOfEach(answer.headers.getSetCookie());
    const starts = lines.map((line) => line.slice(0, line.indexOf('=') + 1));
    const others = this.cookies.filter((each) => !starts.some((start) => each.startsWith(start)));
    // Beside a new cookie, the API removes others of its name, such as those of an older domain.
    const given = lines.filter((line) => !REMOVAL.test(line));
    this.cookies = [...others, ...given.flatMap((line) => line.split(';', 1))];
    this.lines = lastOfEach([...this.lines, ...lines]);
    return lines.length > 0;
  }
}

// The same name with another Domain or Path is another cookie (RFC 6265 §5.3).
const identity = (line: string) => line.match(/^[^=]*|;\s*(domain|path)=[^;]*/gi)?.join();

// Of one cookie the last line counts, whatever an earlier answer or call has added.
function lastOfEach(lines: string[]): string[] {
  const last = [...new Map(lines.map((line) => [identity(line), line])).values()];
  // Frameworks that keep one line for each name take the last, so what is given follows what is removed.
  return last.sort((a, b) => Number(REMOVAL.test(b)) - Number(REMOVAL.test(a)));
}

/** Adds lines to the answer of Express or Node, beside its own. */
export function addTo(response: NodeResponse, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const before = [response.getHeader('set-cookie') ?? []].flat().map(String);
  response.setHeader('set-cookie', lastOfEach([...before, ...lines]));
  response.setHeader('cache-control', 'no-store');
}
