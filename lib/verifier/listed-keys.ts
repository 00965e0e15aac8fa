// By then each instance of the issuer has read the keys again, and their clocks differ by less.
const READ_AGAIN_MS = 15_000;
const MOST_KEPT = 10_000;

/**
 * A key that a list lacked:
 * - a time: It was missing from the list that was read then, in milliseconds since the epoch. A later list decides.
 * - `back`: A later list named it. That is forgiven once, because a revoked key never comes back on its own.
 * - `gone`: A later list lacked it too.
 */
type Absence = number | 'back' | 'gone';

/** The keys that the issuer trusts, according to its feed, and those that it no longer names. */
export class ListedKeys {
  private atMs = Number.NEGATIVE_INFINITY;
  private ids: ReadonlySet<string> = new Set();
  private readonly absences = new Map<string, Absence>();

  /**
   * @param atMs when the issuer's instance began to read them: an older list of another instance tells nothing
   * @returns whether it is the newest list
   */
  take(atMs: number, ids: readonly string[], nowMs: number): boolean {
    // A list from the future is that of an instance whose clock has jumped ahead. It must not hold up the others.
    if (atMs <= this.atMs && this.atMs <= nowMs) return false;
    this.atMs = atMs;
    this.ids = new Set(ids);
    for (const [kid, absence] of this.absences) {
      // Until then, a list may name a key that was revoked meanwhile.
      if (typeof absence !== 'number' || atMs - absence < READ_AGAIN_MS) continue;
      this.absences.set(kid, this.ids.has(kid) ? 'back' : 'gone');
    }
    return true;
  }

  has(kid: string): boolean {
    return this.ids.has(kid);
  }

  /** Takes a key that the newest list lacks out of use. @returns whether it may come back */
  drop(kid: string, nowMs: number): boolean {
    const known = this.absences.get(kid);
    if (typeof known === 'number') return true;
    if (known === undefined && this.absences.size >= MOST_KEPT) return false;
    this.absences.set(kid, known === undefined ? Math.min(this.atMs, nowMs) : 'gone');
    return known === undefined;
  }

  isDropped(kid: string): boolean {
    const absence = this.absences.get(kid);
    return absence !== undefined && absence !== 'back';
  }

  /** Whether a later list has yet to decide about a dropped key. */
  get isUndecided(): boolean {
    return [...this.absences.values()].some((absence) => typeof absence === 'number');
  }
}
