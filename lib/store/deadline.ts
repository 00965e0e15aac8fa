import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';

const DEFAULT_MS = 5_000;
// Overdue work keeps its place in the driver's queue. Without a limit, a database that hangs would fill the memory.
const MOST_OVERDUE = 100;

const overdueWork = new WeakMap<object, Promise<void>>();

/**
 * When the work ends for which a caller no longer waits, well or not.
 *
 * @param error the error of that caller
 * @returns `undefined` for any error but a deadline's
 */
export function endOfOverdueWork(error: unknown): Promise<void> | undefined {
  return typeof error === 'object' && error !== null ? overdueWork.get(error) : undefined;
}

/** Limits how long a caller waits for the database. Overdue work runs on, and may still take effect. */
export class Deadline {
  private overdue = 0;

  /** @param timeoutMs milliseconds */
  constructor(private readonly timeoutMs: number = DEFAULT_MS) {}

  /**
   * @throws {SessionStoreUnavailableException} if the work takes too long, or if too much other work is overdue already
   */
  async bound<T>(work: () => Promise<T>): Promise<T> {
    if (this.overdue >= MOST_OVERDUE)
      throw unavailable('too many statements still await an answer');
    const pending = work();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const error = unavailable(`the database did not answer within ${this.timeoutMs} ms`);
        overdueWork.set(error, this.countOverdue(pending));
        reject(error);
      }, this.timeoutMs);
      pending.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Returns a function that tells later if the caller has stopped waiting for the work that begins now. */
  watch(): () => boolean {
    const begunAt = performance.now();
    return () => performance.now() - begunAt >= this.timeoutMs;
  }

  /** The same work, but it fails if its caller has stopped waiting by the end. */
  failingIfLate<Given, T>(work: (given: Given) => Promise<T>): (given: Given) => Promise<T> {
    const isOverdue = this.watch();
    return async (given) => {
      const result = await work(given);
      if (isOverdue()) throw unavailable(`the work took longer than ${this.timeoutMs} ms`);
      return result;
    };
  }

  private countOverdue(pending: Promise<unknown>): Promise<void> {
    this.overdue += 1;
    const settle = (): void => {
      this.overdue -= 1;
    };
    return pending.then(settle, (error: unknown) => {
      settle();
      // Its own work may have been given up too, and still hold a connection.
      return endOfOverdueWork(error);
    });
  }
}

function unavailable(message: string): SessionStoreUnavailableException {
  return new SessionStoreUnavailableException({ cause: new Error(message) });
}
