import { OverdueWrites } from '../../store/overdue-writes.js';

// One that waits longer goes ahead: its change is compared with what it has read anyway.
const WAIT_MS = 1_000;

/** Lets one piece of work after another begin under a name, in the order in which they came. */
export class Turns {
  private readonly last = new Map<string, Promise<void>>();
  private readonly overdue = new OverdueWrites();

  /** How many names have work under way. */
  get size(): number {
    return this.last.size;
  }

  /** @throws the failure of an earlier piece, while that still waits for the database in vain */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(name);
    const begin = (): Promise<T> => this.overdue.run([name], work);
    const own = before === undefined ? begin() : within(before).then(begin);
    const settled = own.then(noop, noop);
    this.last.set(name, settled);
    try {
      return await own;
    } finally {
      if (this.last.get(name) === settled) this.last.delete(name);
    }
  }
}

function within(before: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, WAIT_MS);
    void before.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function noop(): void {}
