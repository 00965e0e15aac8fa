import { Logger, Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { type RevocationRecord, RevocationStore } from '../store/revocation.store.js';
import { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import { ClockCorrection } from './clock-correction.js';
import { revocationLifeMs, toRevocation } from './revocation-row.js';
import type { JudgedSession, KnownRevocations } from '../verification/known-revocations.js';
import { isBefore, RevokedSessions, type Revocation } from './revoked-sessions.js';

// Transactions commit out of order, so each poll reads back over what may have been committed late. Every poll covers
// short transactions; a longer look back, less often, covers long ones; and the whole feed is read once in a while.
const LOOK_BACKS = [
  { everyMs: 0, lookBackMs: 10_000 },
  { everyMs: 30_000, lookBackMs: 10 * 60_000 },
  { everyMs: 10 * 60_000, lookBackMs: Number.POSITIVE_INFINITY },
];

const CLOCK_INTERVAL_MS = 1_000;

/** Keeps this instance's memory of revoked sessions up to what is committed in the database. */
@Injectable()
export class RevocationFeed implements KnownRevocations {
  private readonly logger = new Logger('SessionModule');
  private readonly revoked = new RevokedSessions();
  private readonly lifeMs: number;
  private readonly task: IntervalTask;
  private readonly lookedBackAtMs = LOOK_BACKS.map(() => Number.NEGATIVE_INFINITY);
  private upToDateAtMs = Number.NEGATIVE_INFINITY;
  private isFailing = false;

  constructor(
    private readonly store: RevocationStore,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    const { revocation } = options;
    this.lifeMs = revocationLifeMs(options);
    // Without the feed the clock needs correction too. Nothing is asked before a measurement is due.
    this.task =
      revocation === false
        ? new IntervalTask(
            CLOCK_INTERVAL_MS,
            () => this.clockCorrection.measureWhenDue(),
            () => undefined,
          )
        : new IntervalTask(
            revocation.pollIntervalMs,
            () => this.poll(),
            () => this.reportFailure(),
          );
  }

  /** Reads the feed for the first time: no request is judged before. */
  async start(): Promise<void> {
    await this.clockCorrection.measure();
    if (this.isOn) await this.poll();
    this.task.start();
  }

  async stop(): Promise<void> {
    await this.task.stop();
  }

  /** Whether a session is known here to be revoked. No query. */
  isRevoked(session: JudgedSession): boolean {
    return this.revoked.isRevoked(session);
  }

  /** Whether the news are too old to go by, so that the database has to be asked. */
  get isStale(): boolean {
    const { revocation } = this.options;
    if (revocation === false || revocation.maxStalenessMs === false) return false;
    // A clock that has gone back makes no news of what was read before.
    return Math.abs(this.ageMs) > revocation.maxStalenessMs;
  }

  /** Whether cut-offs are known from memory. */
  get isFresh(): boolean {
    return this.isOn && !this.isStale;
  }

  /** How old the news are, in milliseconds. */
  get ageMs(): number {
    return this.clock.now() - this.upToDateAtMs;
  }

  /**
   * Whether a session falls under a cut-off: from memory while that is fresh, else from the database. A row can be there
   * all the same where its insert was committed after the cut-off.
   *
   * @param store the database as the caller sees it
   */
  async isCutOff(session: JudgedSession, store = this.store): Promise<boolean> {
    if (this.isFresh) return this.revoked.isRevoked(session);
    const records = await store.findCutOffs(session.userId);
    return this.revocationsOf(records).some(
      (line) => line.kind === 'cut-off' && isBefore(session, line),
    );
  }

  /** Takes up what this instance itself has just committed, without waiting for the next poll. */
  learn(records: readonly RevocationRecord[]): void {
    for (const revocation of this.revocationsOf(records)) this.revoked.add(revocation);
  }

  /** Since when a user's claims count as stale, in milliseconds since the epoch; `undefined`: they don't. No query. */
  staleClaimsSinceMs(userId: string): number | undefined {
    return this.revoked.staleClaimsSinceMs(userId);
  }

  /** Reads what is new. */
  async poll(): Promise<void> {
    await this.clockCorrection.measureWhenDue();
    const nowMs = this.clock.now();
    const due = LOOK_BACKS.map(({ everyMs }, i) => {
      const agoMs = nowMs - (this.lookedBackAtMs[i] ?? 0);
      // After a clock that has gone back all is read, else nothing would be until it is where it was.
      return agoMs < 0 || agoMs >= everyMs;
    });
    const lookBackMs = Math.max(...LOOK_BACKS.map((each, i) => (due[i] ? each.lookBackMs : 0)));
    const endAfterMs = nowMs - this.lifeMs;
    const isWhole = lookBackMs === Number.POSITIVE_INFINITY;
    const records = await (isWhole
      ? this.store.findLive(endAfterMs)
      : this.store.findSince(nowMs - lookBackMs, endAfterMs));
    this.learn(records);
    due.forEach((isDue, index) => {
      if (isDue) this.lookedBackAtMs[index] = nowMs;
    });
    this.upToDateAtMs = nowMs;
    this.isFailing = false;
    this.revoked.forgetExpired(nowMs, isWhole ? this.revocationsOf(records) : undefined);
  }

  private get isOn(): boolean {
    return this.options.revocation !== false;
  }

  private reportFailure(): void {
    if (!this.isFailing) this.logger.warn('The revocation feed can’t be read; trying again');
    this.isFailing = true;
  }

  private revocationsOf(records: readonly RevocationRecord[]): Revocation[] {
    return records
      .map((record) => toRevocation(record, this.lifeMs))
      .filter((revocation) => revocation !== undefined);
  }
}
