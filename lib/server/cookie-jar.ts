/** A visitor's cookies, and what the API's answers change in them. */
export class CookieJar {
  private cookies: string[];
  private changes = new Map<string, string>();

  constructor(header: string) {
    this.cookies = header.split(/;\s*/).filter(Boolean);
  }

  get text(): string {
    return this.cookies.join('; ');
  }

  get lines(): string[] {
    return [...this.changes.values()];
  }

  /** Several cookies of one name count as no token, because only the API can decide which one is meant. */
  find(name: string): string | undefined {
    for (const start of ['__Host-', '__Secure-', ''].map((prefix) => `${prefix}${name}=`)) {
      const found = this.cookies.filter((each) => each.startsWith(start));
      if (found.length > 0) return found.map((each) => each.slice(start.length)).join();
    }
    return undefined;
  }

  /** @returns whether the answer set any */
  keep(answer: Response): boolean {
    const lines = answer.headers.getSetCookie();
    for (const line of lines) {
      const [pair = ''] = line.split(';', 1);
      const start = pair.slice(0, pair.indexOf('=') + 1);
      this.cookies = this.cookies.filter((each) => !each.startsWith(start));
      if (!/;\s*(max-age=0\b|expires=thu, 01 jan 1970)/i.test(line)) this.cookies.push(pair);
      this.changes.set(start, line);
    }
    return lines.length > 0;
  }
}
