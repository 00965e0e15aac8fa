import { Logger } from '@nestjs/common';

const TOLD_EVERY_MS = 60_000;
const MOST_LINES = 100;

/** Logs what the database refuses, each line at most once a minute, because a full log helps nobody. */
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
