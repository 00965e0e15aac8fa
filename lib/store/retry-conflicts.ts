import { setTimeout as pause } from 'node:timers/promises';

// Pauses before each further attempt, because a transaction under way can undo one attempt after another.
const PAUSES_MS = [5, 25, 125];

interface Attempts {
  readonly isConflict: (error: unknown) => boolean;
  /** Whether the caller has stopped waiting. */
  readonly isOverdue: () => boolean;
  readonly onRetry: () => void;
}

/**
 * Runs a statement again if a concurrent one undid it. Only a statement outside of a transaction can be retried alone,
 * and only before its caller hears of a failure. SQLite's driver blocks the whole process while it waits for a lock.
 */
export async function retryConflicts<T>(
  work: () => Promise<T>,
  { isConflict, isOverdue, onRetry }: Attempts,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const pauseMs = PAUSES_MS[attempt];
      if (pauseMs === undefined || isOverdue() || !isConflict(error)) throw error;
      onRetry();
      await pause(pauseMs);
    }
  }
}
