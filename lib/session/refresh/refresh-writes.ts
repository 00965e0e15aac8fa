import { Injectable } from '@nestjs/common';
import { OverdueWrites } from '../../store/overdue-writes.js';

/**
 * Lets one refresh of a session write at a time. Of many simultaneous tabs, one changes the row. The others would wait
 * for its lock, with a connection each, and change nothing. This way, a locked row takes only two connections of the
 * pool: one to change it, and one to end it. Each counts until its statement has ended, also if nobody waits for it.
 */
@Injectable()
export class RefreshWrites {
  private readonly changes = new WritesUnderWay();
  private readonly ends = new WritesUnderWay();

  /**
   * Changes the row, unless another refresh of the session is doing so: then it waits for that.
   *
   * @returns the written value; `undefined` if another refresh wrote, so that the row must be read again
   * @throws the error of the write under way, because the next one would fail the same way
   */
  change<T>(handle: string, write: () => Promise<T>): Promise<T | undefined> {
    return this.changes.runOrWait(handle, write);
  }

  /**
   * The same for an end. It waits only for the same end: a thief who keeps refreshing could otherwise prevent it.
   *
   * @returns `undefined` if another refresh has ended the session for this reason
   */
  end<T>(handle: string, reason: string, write: () => Promise<T>): Promise<T | undefined> {
    return this.ends.runOrWait(`${handle} ${reason}`, write);
  }
}

class WritesUnderWay {
  private readonly byKey = new Map<string, Promise<unknown>>();
  private readonly overdue = new OverdueWrites();

  async runOrWait<T>(key: string, write: () => Promise<T>): Promise<T | undefined> {
    const other = this.byKey.get(key);
    if (other !== undefined) {
      await other;
      return undefined;
    }
    const writing = this.overdue.run([key], write);
    this.byKey.set(key, writing);
    try {
      return await writing;
    } finally {
      this.byKey.delete(key);
    }
  }
}
