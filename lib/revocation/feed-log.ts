import type { FeedCursor } from './feed-cursor.js';

interface LoggedLine {
  readonly number: number;
  readonly id: string;
  /** The form in which it is sent. */
  readonly text: string;
  readonly learnedAtMs: number;
  readonly expiresAtMs: number;
}

// Corrected clocks never differ by this much, so such a clock is not ours.
const CLOCKS_DIFFER_MS = 60_000;

/**
 * The lines that an instance has learned, in order. Their numbers only count here. A reader that has read up to a
 * number misses no line learned later, however late it was committed.
 */
export class FeedLog {
  private lines: LoggedLine[] = [];
  private readonly ids = new Set<string>();
  private last = 0;
  private lastLearnedAtMs = 0;

  /**
   * @param instance distinguishes this log from those of other instances, and from this one's before a restart
   * @param overlapMs how much later than another instance one may learn a line
   */
  constructor(
    readonly instance: string,
    private readonly overlapMs: number,
  ) {}

  /** Adds a line; a known one changes nothing. */
  add(id: string, expiresAtMs: number, nowMs: number, text: () => string): void {
    if (this.ids.has(id)) return;
    this.ids.add(id);
    // A clock that goes back must not put a line before earlier ones.
    this.lastLearnedAtMs = Math.max(this.lastLearnedAtMs, nowMs);
    this.last += 1;
    const { last: number, lastLearnedAtMs: learnedAtMs } = this;
    this.lines.push({ number, id, text: text(), learnedAtMs, expiresAtMs });
  }

  /** The next lines for a reader at a cursor. */
  after(
    cursor: FeedCursor,
    limit: number,
    nowMs: number,
  ): { readonly texts: readonly string[]; readonly last: number; readonly more: boolean } {
    const from = this.firstAfter(cursor, nowMs);
    const page = this.lines.slice(from, from + limit);
    const more = from + page.length < this.lines.length;
    const last = more ? (page.at(-1)?.number ?? 0) : this.last;
    return { texts: page.map(({ text }) => text), last, more };
  }

  /** Forgets lines that are older than any valid access token. */
  forgetExpired(nowMs: number): void {
    for (const { id, expiresAtMs } of this.lines) if (expiresAtMs <= nowMs) this.ids.delete(id);
    this.lines = this.lines.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  /** The number of the last line that was added. */
  get lastNumber(): number {
    return this.last;
  }

  get size(): number {
    return this.lines.length;
  }

  private firstAfter({ read, upToMs }: FeedCursor, nowMs: number): number {
    const number = read.get(this.instance);
    if (number !== undefined && number <= this.last) {
      return this.firstWhere((line) => line.number > number);
    }
    // Another instance was asked before. This one may have learned the other's lines a little earlier.
    if (upToMs > nowMs + CLOCKS_DIFFER_MS) return 0;
    return this.firstWhere((line) => line.learnedAtMs >= upToMs - this.overlapMs);
  }

  // Numbers and times only grow, so each look halves the rest.
  private firstWhere(isAfter: (line: LoggedLine) => boolean): number {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const line = this.lines[middle];
      if (line === undefined || isAfter(line)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
