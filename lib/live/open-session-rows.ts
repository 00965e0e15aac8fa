import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../time/clock.js';
import type { KnownRevocations } from '../verification/known-revocations.js';
import type { EndingSessions } from '../verification/live-sessions.js';
import type { LiveEndReason } from '../verification/session-ends.js';
import type { OpenSession } from './open-session.js';
import type { OpenSessionEndings } from './open-session-endings.js';

// Their claims are compared in the turn in which the rows arrive.
const MOST_AT_ONCE = 500;

/**
 * Looks at the rows of open sessions. A refresh or a change of claims on another instance has no news, so only the row
 * shows when a session ends now, and what its claims are.
 */
export class OpenSessionRows {
  constructor(
    private readonly sessions: EndingSessions,
    private readonly endings: OpenSessionEndings,
    private readonly clock: Clock,
    private readonly revocations: Pick<KnownRevocations, 'accessTokenLifetimeMs'>,
  ) {}

  /** `false` in a service without a database. */
  get areThere(): boolean {
    return this.sessions.heldRows !== undefined;
  }

  /** Ends those that are over, and tells the holders of the others. If the database is away, they stay due. */
  async lookAt(due: readonly OpenSession[]): Promise<void> {
    for (let from = 0; from < due.length; from += MOST_AT_ONCE) {
      // An embedded database answers in the same turn.
      if (from > 0) await nextTurn();
      if (!(await this.lookAtFew(due.slice(from, from + MOST_AT_ONCE)))) return;
    }
  }

  private async lookAtFew(due: readonly OpenSession[]): Promise<boolean> {
    const askedAtMs = this.clock.now();
    const handles = due.filter(({ holders }) => holders.size > 0).map(({ handle }) => handle);
    const rows = await this.sessions.heldRows?.(handles).catch(() => undefined);
    if (rows === undefined) return false;
    const nowMs = this.clock.now();
    const over = new Map<OpenSession, LiveEndReason>();
    for (const session of due) {
      const found = rows.get(session.handle);
      if (found === undefined) over.set(session, 'revoked');
      else if (found.end.atMs <= nowMs) over.set(session, found.end.reason);
      else {
        for (const holder of session.holders) {
          holder.onRow?.(found.row);
          // It may have been opened by a token from before the binding.
          if (found.isBound) holder.endsAtMs = holder.tokenEndsAtMs;
        }
        // At once, so that the next beat does not look again. It does if the answer is from before a gap.
        const nextAtMs = Math.min(
          found.end.atMs,
          askedAtMs + this.revocations.accessTokenLifetimeMs,
        );
        if (session.lookAtMs <= askedAtMs) session.lookAtMs = nextAtMs;
      }
    }
    this.endings.endAmong(over.keys(), (session) => over.get(session));
    return true;
  }
}
