import { Inject, Injectable } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import {
  FEED_AGE_HEADER,
  FEED_HELD_HEADER,
  FEED_TIME_HEADER,
  type FeedAnswer,
} from '../revocation/feed-answer.js';
import { RevokedSessions } from '../revocation/revoked-sessions.js';
import { Clock } from '../time/clock.js';
import { IntervalTask, LONGEST_WAIT } from '../time/interval-task.js';
import type {
  JudgedSession,
  RevocationNews,
  TellingRevocations,
} from '../verification/known-revocations.js';
import { IssuerClient, IssuerFault } from './issuer-client.js';
import { IssuerClock } from './issuer-clock.js';
import { IssuerFailures } from './issuer-failures.js';
import { IssuerKeys } from './issuer-keys.js';
import { readFeedAnswer, revocationOf } from './read-feed-answer.js';
import { waitSeconds } from './poll-wait.js';
import {
  RESOLVED_VERIFIER_OPTIONS,
  type ResolvedVerifierOptions,
} from './resolve-verifier-options.js';

// A page has a thousand lines of a few hundred bytes.
const MOST_BYTES = 4 * 1_048_576;
const MOST_PAGES = 1_000;
// An issuer's omissions are known by then.
const WHOLE_EVERY_MS = 10 * 60_000;
const FORGET_EVERY_MS = 60_000;
// An open connection ends at most this long after its access token.
const BEAT_MS = 1_000;

/** Keeps this service's memory of revoked sessions up to date with the issuer's. */
@Injectable()
export class IssuerFeed implements TellingRevocations {
  private readonly failures = new IssuerFailures('feed of revocations');
  private readonly revoked = new RevokedSessions();
  private readonly task: IntervalTask | undefined;
  private readonly beat: IntervalTask;
  private readonly listeners = new Set<(news: readonly RevocationNews[]) => void>();
  private cursor: string | undefined;
  private etag: string | undefined;
  private upToDateAtMs = Number.NEGATIVE_INFINITY;
  private wholeAtMs = Number.NEGATIVE_INFINITY;
  private forgottenAtMs = Number.NEGATIVE_INFINITY;
  private lifetimeMs = Number.POSITIVE_INFINITY;
  private renewedClaims: ReadonlySet<string> = new Set();
  private mayWait = true;

  constructor(
    private readonly client: IssuerClient,
    private readonly issuerClock: IssuerClock,
    private readonly keys: IssuerKeys,
    private readonly clock: Clock,
    @Inject(RESOLVED_VERIFIER_OPTIONS) private readonly options: ResolvedVerifierOptions,
  ) {
    const { revocations } = options;
    const report = (error: unknown): void => this.failures.tell(error);
    // Tokens end and keys are read between two polls, and also without polls.
    this.beat = new IntervalTask(BEAT_MS / LONGEST_WAIT, async () => this.tell([]), report);
    if (revocations === false) return;
    this.task = new IntervalTask(
      revocations.pollIntervalMs / LONGEST_WAIT,
      () => this.pollAndWait().finally(() => this.tell([])),
      report,
    );
  }

  // A proxy or the issuer's own time limit may end a poll that waits. Then none waits until the next whole reading.
  private async pollAndWait(): Promise<void> {
    const seconds = this.mayWait ? waitSeconds(this.options) : 0;
    if (seconds === 0) return this.poll();
    try {
      await this.poll(seconds);
    } catch {
      await this.poll();
      this.mayWait = false;
    }
  }

  /**
   * Reads the feed for the first time. The service starts even if the issuer is away, and answers requests with 503.
   */
  async start(): Promise<void> {
    await this.task?.runNow();
    this.task?.start();
    this.beat.start();
  }

  async stop(): Promise<void> {
    this.client.stop();
    await Promise.all([this.task?.stop(), this.beat.stop()]);
  }

  onNews(listener: (news: readonly RevocationNews[]) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  isRevoked(session: JudgedSession): boolean {
    return this.revoked.isRevoked(session);
  }

  staleClaimsSinceMs(userId: string): number | undefined {
    return this.revoked.staleClaimsSinceMs(userId);
  }

  /** Whether a refresh at the issuer fetches this claim again if it is stale. */
  renews(claim: string): boolean {
    return this.renewedClaims.has(claim);
  }

  get isStale(): boolean {
    return this.ageMs > this.maxStalenessMs;
  }

  get maxStalenessMs(): number {
    const { revocations } = this.options;
    return (revocations !== false && revocations.maxStalenessMs) || Number.POSITIVE_INFINITY;
  }

  get accessTokenLifetimeMs(): number {
    return this.lifetimeMs;
  }

  /** The age of the news, including the issuer's own delay, in milliseconds. */
  get ageMs(): number {
    // A clock that has gone back does not make an earlier reading fresh.
    return Math.abs(this.clock.now() - this.upToDateAtMs);
  }

  /**
   * Reads what is new.
   *
   * @param holdSeconds how long the issuer may hold back an answer that tells nothing
   */
  async poll(holdSeconds = 0): Promise<void> {
    const startedAtMs = this.clock.now();
    const isWholeDue = Math.abs(startedAtMs - this.wholeAtMs) >= WHOLE_EVERY_MS;
    if (isWholeDue) {
      this.cursor = this.etag = undefined;
      this.mayWait = true;
    }
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      if (!(await this.readPage(holdSeconds))) {
        if (isWholeDue) this.wholeAtMs = this.clock.now();
        this.failures.end();
        return;
      }
    }
    throw new IssuerFault('its feed has no end');
  }

  /** @returns whether there is more to read */
  private async readPage(holdSeconds: number): Promise<boolean> {
    const { url, revocations } = this.options;
    const secret = revocations === false ? '' : revocations.secret;
    const askedAtMs = this.clock.now();
    // An answer that nothing has changed has no list of keys.
    const etag = this.keys.isListNeeded ? undefined : this.etag;
    const query = this.cursor === undefined ? '' : `?cursor=${encodeURIComponent(this.cursor)}`;
    const { headers, json } = await this.client.get(
      `${url}/${BUILT_IN_ROUTES.revocations}${query}`,
      {
        accept: 'application/json',
        authorization: `Bearer ${secret}`,
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
        ...(holdSeconds === 0 ? {} : { prefer: `wait=${holdSeconds}` }),
      },
      MOST_BYTES,
    );
    // The issuer's time is that of its answer, not that of the request.
    const heldMs = numberIn(headers, FEED_HELD_HEADER) ?? 0;
    const beforeMs = Math.min(askedAtMs + heldMs, this.clock.now());
    if (json === undefined) {
      const time = numberIn(headers, FEED_TIME_HEADER);
      const age = numberIn(headers, FEED_AGE_HEADER);
      if (etag === undefined || time === undefined || age === undefined) {
        throw new IssuerFault('its feed answers 304 without a time');
      }
      this.take({ time, age }, beforeMs, false);
      this.keys.confirmList();
      return false;
    }
    const answer = readFeedAnswer(json, this.options);
    if (answer.more && answer.lines.length === 0) throw new IssuerFault('its feed has no end');
    // Before the lines, which are judged by it.
    this.take(answer, beforeMs, answer.more);
    this.learn(answer);
    this.cursor = answer.cursor;
    this.etag = answer.more ? undefined : (headers.get('etag') ?? undefined);
    return answer.more;
  }

  private take(
    { time, age }: Pick<FeedAnswer, 'time' | 'age'>,
    beforeMs: number,
    more: boolean,
  ): void {
    this.issuerClock.adjust(beforeMs, time);
    const nowMs = this.clock.now();
    if (!more) this.upToDateAtMs = Math.min(time, nowMs) - age;
    if (Math.abs(nowMs - this.forgottenAtMs) < FORGET_EVERY_MS) return;
    this.forgottenAtMs = nowMs;
    this.revoked.forgetExpired(nowMs);
    this.revoked.forgetCutOffs(nowMs, []);
  }

  private learn({ lines, keys, accessTokenLifetime, claims }: FeedAnswer): void {
    const news = lines.map(revocationOf).filter((line) => this.revoked.add(line));
    this.lifetimeMs = accessTokenLifetime;
    this.renewedClaims = new Set(claims);
    this.keys.list(keys.at, keys.ids);
    if (news.length > 0) this.tell(news);
  }

  private tell(news: readonly RevocationNews[]): void {
    for (const listener of this.listeners) listener(news);
  }
}

function numberIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
