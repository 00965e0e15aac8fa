import { Logger } from '@nestjs/common';
import { callListener } from '../events/call-listener.js';
import type { ResolvedVerificationOptions } from '../options/resolved-options.js';
import type { Clock } from '../time/clock.js';
import { TimeSlices, type Piece } from '../time/time-slices.js';
import type { LiveEnd, LiveEndReason } from '../verification/session-ends.js';
import { endOf } from './end-of-session.js';
import type { Holder, OpenSession, OpenSessionIndex } from './open-session.js';

type HeldOpen = readonly [OpenSession, Holder];
type ReasonOf = (session: OpenSession) => LiveEndReason | undefined;

// To close a socket is a quarter of its cost: the rest comes with its client's answer, which no slice counts.
const SLICE_MS = 1;

/** Ends open sessions: each leaves the index, and all who hold it are told, without blocking the event loop. */
export class OpenSessionEndings {
  private readonly logger = new Logger('SessionModule');
  private readonly slices = new TimeSlices(SLICE_MS);

  constructor(
    private readonly sessions: OpenSessionIndex,
    private readonly clock: Clock,
    private readonly options: ResolvedVerificationOptions,
  ) {}

  end(session: OpenSession, reason: LiveEndReason): void {
    this.endAmong([session], () => reason);
  }

  /** @param reasonOf asked for each session when its turn comes; `undefined` if it goes on */
  endAmong(sessions: Iterable<OpenSession>, reasonOf: ReasonOf): void {
    this.slices.run(this.endingsAmong(sessions, reasonOf));
  }

  /** Ends sessions for some of their holders alone. */
  endHolders(held: readonly HeldOpen[], reason: LiveEndReason): void {
    for (const [session, holder] of held) this.sessions.release(session, holder);
    this.slices.run(this.endingsFor(held, reason));
  }

  private *endingsAmong(sessions: Iterable<OpenSession>, reasonOf: ReasonOf): Iterable<Piece> {
    for (const session of sessions) {
      const reason = session.holders.size === 0 ? undefined : reasonOf(session);
      if (reason === undefined) yield undefined;
      else yield* this.endingOf(session, reason);
    }
  }

  // Errors are made in their slice: thousands of them at once would hold up the event loop.
  private *endingsFor(held: Iterable<HeldOpen>, reason: LiveEndReason): Iterable<Piece> {
    for (const [session, holder] of held) {
      const end = endOf(session, reason, this.clock.now(), this.options);
      yield () => this.tell(holder, end);
    }
  }

  private *endingOf(session: OpenSession, reason: LiveEndReason): Iterable<Piece> {
    const holders = this.sessions.take(session);
    const end = endOf(session, reason, this.clock.now(), this.options);
    for (const holder of holders) yield () => this.tell(holder, end);
  }

  private tell({ onEnd }: Holder, end: LiveEnd): void {
    callListener(
      () => onEnd(end),
      () => this.logger.error('A listener for the end of a session failed'),
    );
  }
}
