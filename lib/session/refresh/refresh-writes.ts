import { Injectable } from '@nestjs/common';

/**
 * Lets one refresh of a session write at a time. Of many simultaneous tabs, one changes the row. The others would wait
 * for its lock, with a connection each, and change nothing. This way, a locked row takes only two connections of the
 * pool: one to change it, and one to end it.
 */
@Injectable()
export class RefreshWrites {
  private readonly changes = new Map<string, Promise<unknown>>();
  private readonly ends = new Map<string, Promise<unknown>>();

  /**
   * Changes the row, unless another refresh of the session is doing so: then it waits for that.
   *
   * @returns the written value; `undefined` if another refresh wrote, so that the row must be read again
   * @throws the error of the write under way, because the next one would fail the same way
   */
  change<T>(handle: string, write: () => Promise<T>): Promise<T | undefined> {
    return runOrWait(this.changes, handle, write);
  }

  /**
   * The same for an end. It waits only for the same end: a thief who keeps refreshing could otherwise prevent it.
   *
   * @returns `undefined` if another refresh has ended the session for this reason
   */
  end<T>(handle: string, reason: string, write: () => Promise<T>): Promise<T | undefined> {
    return runOrWait(this.ends, `${handle} ${reason}`, write);
  }
}

async function runOrWait<T>(
  underWay: Map<string, Promise<unknown>>,
  key: string,
  write: () => Promise<T>,
): Promise<T | undefined> {
  const other = underWay.get(key);
  if (other !== undefined) {
    await other;
    return undefined;
  }
  const writing = write();
  underWay.set(key, writing);
  try {
    return await writing;
  } finally {
    underWay.delete(key);
  }
}
