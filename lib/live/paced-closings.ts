import { Logger } from '@nestjs/common';
import { setImmediate as later } from 'node:timers';

// The answer of a closed socket costs three times what its closing does. Answers that come together hold up the event
// loop, and a thousand come together where a thousand sockets are closed before the first one answers.
const LEAST_AT_ONCE = 24;
// Clients that are far away answer late, and some never do. More are closed at once while answers come one by one.
const FEW_ANSWERS = LEAST_AT_ONCE / 3;
const GROWTH = 1.25;
const INTERVAL_MS = 10;
// After two seconds, one in 200 of those that wait is closed in each interval, and two dozen at least, whoever answers.
const LATE_AFTER_MS = 2_000;
const LATE_INTERVALS = 200;

/** Closes many connections without blocking the event loop: the next ones as the earlier ones answer. */
export class PacedClosings {
  private readonly logger = new Logger('SessionModule');
  private readonly waiting = new Map<object, () => void>();
  private readonly unanswered = new Set<object>();
  private atOnce = LEAST_AT_ONCE;
  private answersOfTurn = 0;
  private mostAnswersOfTurn = 0;
  private isTurnEnding = false;
  private growth: NodeJS.Timeout | undefined;
  private waitingSinceMs = 0;

  /** @param connection must be reported to `closed` */
  close(connection: object, close: () => void): void {
    if (this.waiting.size === 0 && this.unanswered.size < this.atOnce) {
      this.start(connection, close);
      return;
    }
    this.waiting.set(connection, close);
    if (this.growth !== undefined) return;
    this.waitingSinceMs = performance.now();
    this.growth = setInterval(() => this.grow(), INTERVAL_MS);
  }

  closed(connection: object): void {
    this.waiting.delete(connection);
    if (!this.unanswered.delete(connection)) return;
    this.answersOfTurn += 1;
    this.continueAfterTurn();
  }

  private continueAfterTurn(): void {
    if (this.isTurnEnding) return;
    this.isTurnEnding = true;
    later(() => this.endTurn());
  }

  private endTurn(): void {
    this.isTurnEnding = false;
    if (this.answersOfTurn > LEAST_AT_ONCE) this.atOnce = Math.max(this.atOnce / 2, LEAST_AT_ONCE);
    this.mostAnswersOfTurn = Math.max(this.mostAnswersOfTurn, this.answersOfTurn);
    this.answersOfTurn = 0;
    this.startNext();
  }

  private grow(): void {
    const isLate = performance.now() - this.waitingSinceMs > LATE_AFTER_MS;
    if (this.mostAnswersOfTurn < FEW_ANSWERS) this.atOnce *= GROWTH;
    if (isLate) {
      const more = Math.max(LEAST_AT_ONCE, Math.ceil(this.waiting.size / LATE_INTERVALS));
      this.atOnce = Math.max(this.atOnce, this.unanswered.size + more);
    }
    this.mostAnswersOfTurn = 0;
    this.startNext();
  }

  private startNext(): void {
    let started = 0;
    for (const [connection, close] of this.waiting) {
      if (this.unanswered.size >= this.atOnce) return;
      if (started === LEAST_AT_ONCE) {
        this.continueAfterTurn();
        return;
      }
      started += 1;
      this.waiting.delete(connection);
      this.start(connection, close);
    }
    clearInterval(this.growth);
    this.growth = undefined;
    this.atOnce = LEAST_AT_ONCE;
  }

  private start(connection: object, close: () => void): void {
    this.unanswered.add(connection);
    try {
      close();
    } catch {
      this.unanswered.delete(connection);
      this.logger.error('A connection whose session has ended could not be closed');
    }
  }
}
