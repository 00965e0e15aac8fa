import { endOfOverdueWork } from './deadline.js';

// A connection that is lost without a word never ends its statement. Such a row must become free again.
const FIRST_PATIENCE_MS = 60_000;

interface OverdueWrite {
  readonly failure: unknown;
  readonly sinceMs: number;
  readonly patienceMs: number;
}

/**
 * Lets no change of a row begin while an earlier one is overdue, which still holds its connection. The next one would
 * wait for the same lock with one more connection, and so would each repetition, until the pool is empty.
 */
export class OverdueWrites {
  private readonly byRow = new Map<string, OverdueWrite>();

  /** @throws the failure of the overdue change at once, until that has ended */
  async run<T>(row: string, write: () => Promise<T>): Promise<T> {
    const former = this.byRow.get(row);
    if (former !== undefined && performance.now() - former.sinceMs < former.patienceMs) {
      throw former.failure;
    }
    try {
      return await write();
    } catch (error) {
      this.note(row, error, former);
      throw error;
    }
  }

  private note(row: string, failure: unknown, former: OverdueWrite | undefined): void {
    const end = endOfOverdueWork(failure);
    if (end === undefined) return;
    // Ever longer, so that a lock that is never released takes only a few connections.
    const patienceMs = former === undefined ? FIRST_PATIENCE_MS : 2 * former.patienceMs;
    const overdue = { failure, sinceMs: performance.now(), patienceMs };
    this.byRow.set(row, overdue);
    void end.then(() => {
      if (this.byRow.get(row) === overdue) this.byRow.delete(row);
    });
  }
}
