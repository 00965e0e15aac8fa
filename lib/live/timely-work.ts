const LIMIT_MS = 5_000;

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Work that has five seconds, for each of some objects. Overdue work runs on, and no other begins beside it. */
export class TimelyWork {
  private readonly overdue = new WeakSet<object>();

  /**
   * The end of some work for an object.
   *
   * @throws {TimeoutError} if it takes longer than five seconds, or if earlier work for the object still does
   */
  async run(subject: object, work: () => Promise<void>): Promise<void> {
    // Each attempt would add one more that never ends.
    if (this.overdue.has(subject)) throw new TimeoutError('earlier work has not ended');
    const working = work();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.waitFor(working, subject);
        reject(new TimeoutError(`no end within ${LIMIT_MS} ms`));
      }, LIMIT_MS);
      timer.unref();
    });
    try {
      await Promise.race([working, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private waitFor(working: Promise<void>, subject: object): void {
    this.overdue.add(subject);
    const ended = (): void => void this.overdue.delete(subject);
    working.then(ended, ended);
  }
}
