import { Injectable } from '@nestjs/common';

/**
 * Lets one refresh of a session write at a time. Of many simultaneous tabs, one changes the row. The others would wait
 * for its lock, with a connection each, and change nothing. This way, a locked row takes only one connection of the
 * pool.
 */
@Injectable()
export class RefreshWrites {
  private readonly underWay = new Map<string, Promise<unknown>>();

  /**
   * Writes, unless another refresh of the session is writing: then it waits for that write.
   *
   * @returns the written value; `undefined` if another refresh wrote, so that the row must be read again
   * @throws the error of the write under way, because the next one would fail the same way
   */
  async run<T>(handle: string, write: () => Promise<T>): Promise<T | undefined> {
    const other = this.underWay.get(handle);
    if (other !== undefined) {
      await other;
      return undefined;
    }
    const writing = write();
    this.underWay.set(handle, writing);
    try {
      return await writing;
    } finally {
      this.underWay.delete(handle);
    }
  }
}
