import { endOfOverdueWork } from './deadline.js';

// A connection that is lost without a word never ends its statement. Such a row must become free again.
const FIRST_PATIENCE_MS = 15_000;
// Waiting takes no connection, and a lock may just have been released.
const WAIT_MS = 1_000;

interface OverdueWrite {
  readonly failure: unknown;
  readonly end: Promise<void>;
  readonly sinceMs: number;
  readonly patienceMs: number;
}

/**
 * Lets no change of a row begin while an earlier one is overdue, which still holds its connection. The next one would
 * wait for the same lock with one more connection, and so would each repetition, until the pool is empty.
 */
export class OverdueWrites {
  private readonly byRow = new Map<string, OverdueWrite>();

  /** @throws the failure of an overdue change of one of these rows, unless that ends within a second */
  async run<T>(rows: readonly string[], write: () => Promise<T>): Promise<T> {
    const formers = rows.flatMap((row) => this.byRow.get(row) ?? []);
    const hindrance = formers.find(isPending);
    if (hindrance !== undefined && !(await endsSoon(hindrance))) throw hindrance.failure;
    try {
      const result = await write();
      for (const row of rows) this.byRow.delete(row);
      return result;
    } catch (error) {
      this.note(rows, error, Math.max(0, ...formers.map(({ patienceMs }) => patienceMs)));
      throw error;
    }
  }

  private note(rows: readonly string[], failure: unknown, formerMs: number): void {
    const end = endOfOverdueWork(failure);
    if (end === undefined) return;
    // Ever longer, so that a lock that is never released takes only a few connections.
    const patienceMs = Math.max(FIRST_PATIENCE_MS, 2 * formerMs);
    const overdue = { failure, end, sinceMs: performance.now(), patienceMs };
    for (const row of rows) this.byRow.set(row, overdue);
    void end.then(() => {
      for (const row of rows) if (this.byRow.get(row) === overdue) this.byRow.delete(row);
    });
  }
}

function isPending({ sinceMs, patienceMs }: OverdueWrite): boolean {
  return performance.now() - sinceMs < patienceMs;
}

function endsSoon({ end }: OverdueWrite): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), WAIT_MS);
    void end.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
