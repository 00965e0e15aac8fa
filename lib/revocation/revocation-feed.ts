import { Logger, Injectable, Inject } from '@nestjs/common';
import { longestAccessTokenMs } from '../options/device-binding-options.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RevocationStore } from '../store/revocation.store.js';
import type { RevocationRecord } from '../store/revocation-record.js';
import { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import { ClockCorrection } from '../store/clock-correction.js';
import { revocationLifeMs, toRevocation } from './revocation-row.js';
import type {
  JudgedSession,
  RevocationNews,
  TellingRevocations,
} from '../verification/known-revocations.js';
import { RevokedSessions, type Revocation } from './revoked-sessions.js';

// Transactions commit out of order, so each poll looks back over lines that may have been committed late. Every poll
// covers transactions of up to a minute. A longer look back, made less often, covers longer ones, and the whole feed is
// read occasionally.
const SHORT_LOOK_BACK_MS = 60_000;
const LOOK_BACKS = [
  { everyMs: 0, lookBackMs: SHORT_LOOK_BACK_MS },
  { everyMs: 30_000, lookBackMs: 10 * 60_000 },
  { everyMs: 10 * 60_000, lookBackMs: Number.POSITIVE_INFINITY },
];

const CLOCK_INTERVAL_MS = 1_000;

// The start waits for so many ended sessions at most. Those of a very busy hour, 100,000, take half a second.
const MOST_BEFORE_START = 1_000;

interface LinesListener {
  learn(record: RevocationRecord, revocation: Revocation): void;
  /** By a clock that has just been measured: one that has jumped ahead would have lines forgotten that still matter. */
  forgetExpired(nowMs: number): void;
}

/** Keeps this instance's memory of revoked sessions up to date with the committed rows of the database. */
@Injectable()
export class RevocationFeed implements TellingRevocations {
  private readonly logger = new Logger('SessionModule');
  private readonly revoked = new RevokedSessions();
  private readonly lifeMs: number;
  /** Polls. */
  readonly task: IntervalTask;
  private readonly lookedBackAtMs = LOOK_BACKS.map(() => Number.NEGATIVE_INFINITY);
  private upToDateAtMs = Number.NEGATIVE_INFINITY;
  private startedAtMs: number | undefined;
  private isStopping = false;
  private isFailing = false;
  private onFirstLines: (() => void) | undefined;
  private forgottenAtMs = Number.NEGATIVE_INFINITY;
  private listener: LinesListener | undefined;
  private readonly listeners = new Set<(news: readonly RevocationNews[]) => void>();

  constructor(
    private readonly store: RevocationStore,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    const { revocation } = options;
    this.lifeMs = revocationLifeMs(options);
    this.task = new IntervalTask(
      revocation === false ? CLOCK_INTERVAL_MS : revocation.pollIntervalMs,
      () => this.poll().finally(() => this.tell([])),
      () => this.reportFailure(),
    );
  }

  /**
   * Reads the feed for the first time. While the rest of a long feed is read, the news is too old to rely on, so
   * requests ask the database. Services can't ask it, and `maxStaleness: false` doesn't, so they need the whole feed.
   */
  async start(): Promise<void> {
    await this.clockCorrection.measure();
    this.startedAtMs = this.clock.now();
    const firstLines = new Promise<void>((resolve) => (this.onFirstLines = resolve));
    const reading = this.poll();
    const canAskDatabase = Number.isFinite(this.maxStalenessMs);
    const mayReadOn = canAskDatabase && this.listener === undefined;
    await (mayReadOn ? Promise.race([reading, firstLines]) : reading);
    this.task.start(reading);
    this.clockCorrection.start();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all([this.task.stop(), this.clockCorrection.stop()]);
  }

  /** Whether this instance knows that a session is revoked. No query. */
  isRevoked(session: JudgedSession): boolean {
    return this.revoked.isRevoked(session);
  }

  /** Whether the news is too old to rely on, so that the database must be asked. */
  get isStale(): boolean {
    // A clock that has gone back does not make an earlier reading fresh.
    return Math.abs(this.ageMs) > this.maxStalenessMs;
  }

  get maxStalenessMs(): number {
    const { revocation } = this.options;
    return (revocation !== false && revocation.maxStalenessMs) || Number.POSITIVE_INFINITY;
  }

  get accessTokenLifetimeMs(): number {
    return longestAccessTokenMs(this.options);
  }

  /** Whether cut-offs are known from memory. */
  get isFresh(): boolean {
    return this.isOn && !this.isStale;
  }

  /** The age of the news, in milliseconds. */
  get ageMs(): number {
    return this.clock.now() - this.upToDateAtMs;
  }

  /**
   * The same for reports: until the feed has been read once, how long ago that began. `undefined` with `revocation:
   * false`, and before the start.
   */
  get reportedAgeMs(): number | undefined {
    if (!this.isOn || this.startedAtMs === undefined) return undefined;
    return Number.isFinite(this.ageMs) ? this.ageMs : this.clock.now() - this.startedAtMs;
  }

  /**
   * Records what this instance itself has just committed, without waiting for the next poll.
   *
   * @param nowMs the time of a reading, during which the clock may jump
   */
  learn(records: readonly RevocationRecord[], nowMs = this.clock.now()): void {
    const news: Revocation[] = [];
    for (const record of records) {
      const revocation = toRevocation(record, this.lifeMs);
      if (revocation === undefined) continue;
      const isOver = revocation.expiresAtMs <= nowMs;
      // A cut-off that is stored also judges rows that were committed late.
      if (isOver && revocation.kind !== 'cut-off') continue;
      if (this.revoked.add(revocation)) news.push(revocation);
      if (!isOver) this.listener?.learn(record, revocation);
    }
    if (news.length > 0) this.tell(news);
  }

  /** Reports all learned lines to a listener until they are over, some of them repeatedly, and when to forget them. */
  onLearned(listener: LinesListener): void {
    this.listener = listener;
  }

  onNews(listener: (news: readonly RevocationNews[]) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /**
   * The time since which a user's claims are stale, in milliseconds since the epoch; `undefined` if they are not. No
   * query.
   */
  staleClaimsSinceMs(userId: string): number | undefined {
    return this.revoked.staleClaimsSinceMs(userId);
  }

  /**
   * Reads what is new, or nothing with `revocation: false`. In either case it corrects the clock, and then frees the
   * memory of lines that can no longer matter.
   */
  async poll(): Promise<void> {
    await this.clockCorrection.measureWhenDue();
    const nowMs = this.clock.now();
    // If the clock has gone back, read everything. It may have forgotten lines that matter again.
    if (nowMs < this.forgottenAtMs) this.lookedBackAtMs.fill(Number.NEGATIVE_INFINITY);
    try {
      if (this.isOn) await this.read(nowMs);
    } finally {
      this.forgottenAtMs = nowMs;
      this.revoked.forgetExpired(nowMs);
      this.listener?.forgetExpired(nowMs);
      // Stored cut-offs then judge the rows of sessions that were committed late.
      if (!this.isOn) this.revoked.forgetCutOffs(nowMs, []);
    }
  }

  /** The number of lines in memory. */
  get size(): number {
    return this.revoked.size;
  }

  private async read(nowMs: number): Promise<void> {
    const lastAtMs = this.lookedBackAtMs;
    const due = LOOK_BACKS.map(({ everyMs }, i) => nowMs - (lastAtMs[i] ?? 0) >= everyMs);
    // From its own last time, because a line may have been committed right after that.
    const starts = LOOK_BACKS.map(({ lookBackMs }, i) => (lastAtMs[i] ?? 0) - lookBackMs);
    const sinceMs = Math.min(...starts.filter((_, i) => due[i]));
    const endAfterMs = nowMs - this.lifeMs;
    const isWhole = sinceMs === Number.NEGATIVE_INFINITY;
    const pages = isWhole
      ? this.store.livePages(endAfterMs)
      : this.store.pagesSince(sinceMs, endAfterMs);
    const cutOffs: RevocationRecord[] = [];
    let sessions = 0;
    let caughtUpAtMs = nowMs;
    // Page by page: learning 100,000 lines at once blocked the event loop for 100 ms.
    for await (const page of pages) {
      // The rest is unknown, so the news stays as old as it was.
      if (this.isStopping) return;
      this.learn(page, nowMs);
      if (isWhole) cutOffs.push(...page.filter(({ kind }) => kind === 'cut-off'));
      sessions += page.filter(({ kind }) => kind === 'session').length;
      if (sessions >= MOST_BEFORE_START) this.onFirstLines?.();
      if (isWhole && this.isDueSince(caughtUpAtMs)) {
        caughtUpAtMs = this.clock.now();
        await this.catchUp(nowMs, endAfterMs);
      }
    }
    if (isWhole) await this.catchUp(nowMs, endAfterMs);
    due.forEach((isDue, index) => {
      if (isDue) this.lookedBackAtMs[index] = nowMs;
    });
    const missedMs = nowMs - this.upToDateAtMs;
    this.upToDateAtMs = nowMs;
    this.isFailing = false;
    if (isWhole) this.revoked.forgetCutOffs(nowMs, this.revocationsOf(cutOffs));
    // Lines that came and went meanwhile were not among those that were read.
    if (Number.isFinite(missedMs) && missedMs > this.lifeMs) {
      this.revoked.markAllClaimsStale(nowMs, nowMs + this.lifeMs);
      this.tell([{ kind: 'gap' }]);
    }
  }

  private isDueSince(atMs: number): boolean {
    const { revocation } = this.options;
    return revocation !== false && this.clock.now() - atMs >= revocation.pollIntervalMs;
  }

  // A whole reading takes a while, and lines of a kind that it has read may be written meanwhile.
  private async catchUp(sinceMs: number, endAfterMs: number): Promise<void> {
    const pages = this.store.pagesSince(sinceMs - SHORT_LOOK_BACK_MS, endAfterMs);
    for await (const page of pages) this.learn(page, sinceMs);
  }

  private tell(news: readonly RevocationNews[]): void {
    for (const listener of this.listeners) listener(news);
  }

  private get isOn(): boolean {
    return this.options.revocation !== false;
  }

  private reportFailure(): void {
    if (!this.isOn) return;
    if (!this.isFailing) this.logger.warn('The revocation feed can’t be read; trying again');
    this.isFailing = true;
  }

  private revocationsOf(records: readonly RevocationRecord[]): Revocation[] {
    return records
      .map((record) => toRevocation(record, this.lifeMs))
      .filter((revocation) => revocation !== undefined);
  }
}
