import { Logger } from '@nestjs/common';

const TOLD_EVERY_MS = 60_000;
const MOST_LINES = 100;

/** Writes down what the database refuses: each line once a minute, since a log that is full helps nobody. */
export class FailureLog {
  private readonly logger = new Logger('SessionModule');
  private readonly toldAtMs = new Map<string, number>();

  tell(line: string): void {
    const nowMs = performance.now();
    if (nowMs - (this.toldAtMs.get(line) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    if (this.toldAtMs.size >= MOST_LINES) this.toldAtMs.clear();
    this.toldAtMs.set(line, nowMs);
    this.logger.error(line);
  }
}
