// A longer delay overflows Node's timers, which then fire at once.
const LONGEST_TIMEOUT_MS = 24 * 60 * 60 * 1000;

/** How many intervals may pass from one run to the next. */
export const LONGEST_WAIT = 1.1;

/** Runs a task repeatedly, never two runs at once, without keeping the process alive. */
export class IntervalTask {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = true;
  private isQuiet = false;

  constructor(
    private readonly intervalMs: number,
    private readonly task: () => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** @param underWay a first run that is under way */
  start(underWay?: Promise<void>): void {
    if (!this.stopped) return;
    this.stopped = false;
    if (underWay !== undefined) void this.share(underWay);
    this.schedule(this.intervalMs);
  }

  /** Runs on, and reports no more failures: what it depends on may be closed before it. */
  beQuiet(): void {
    this.isQuiet = true;
  }

  /** Stops the timer and waits for a run that is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Runs the task now, or shares a run that is under way. */
  runNow(): Promise<void> {
    return this.running ?? this.share(this.runOnce());
  }

  private share(run: Promise<void>): Promise<void> {
    this.running = run
      .catch((error: unknown) => (this.isQuiet ? undefined : this.onError(error)))
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }

  // A task that throws before it returns a promise would otherwise end the process from within the timer.
  private async runOnce(): Promise<void> {
    await this.task();
  }

  private schedule(remainingMs: number): void {
    const delayMs = Math.min(remainingMs, LONGEST_TIMEOUT_MS);
    this.timer = setTimeout(() => {
      if (remainingMs > delayMs) this.schedule(remainingMs - delayMs);
      else void this.runNow().then(() => this.stopped || this.schedule(this.jittered()));
    }, delayMs);
    this.timer.unref();
  }

  // Otherwise instances that started together would ask the database in step.
  private jittered(): number {
    return this.intervalMs * (0.9 + Math.random() * 0.2);
  }
}
