/** Runs work a few pieces at a time, in the order in which it came. */
export class FewAtOnce {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  /** @param longestMs after this time a piece that still runs is counted no longer */
  constructor(
    private readonly most: number,
    private readonly longestMs: number,
  ) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
    let isCounted = true;
    const finish = (): void => {
      if (!isCounted) return;
      isCounted = false;
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      // The next one takes the place.
      else next();
    };
    const timer = setTimeout(finish, this.longestMs);
    timer.unref();
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      finish();
    }
  }
}
