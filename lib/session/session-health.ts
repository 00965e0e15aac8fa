import { Injectable, Inject, Logger } from '@nestjs/common';
import { callListener } from '../events/call-listener.js';
import type { SessionEvents } from '../events/session-events.js';
import { SessionTally } from '../events/session-tally.js';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyRing } from '../keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { SessionDatabase } from '../store/session-database.js';
import type { StatementTiming } from '../store/statement-timing.js';
import { SessionCounters, type SessionCounter } from './session-counters.js';

const ANSWER_WITHIN_MS = 2_000;

/** The state of the sessions on one instance. @publicApi */
export interface SessionHealthReport {
  /** `down` while the database does not answer or its keys can't be read: logins and refreshes then get 503. */
  status: 'up' | 'down';
  /** Whether the database answered within two seconds. */
  databaseAnswers: boolean;
  /**
   * The age of the news of revoked sessions, in milliseconds; `null` with `revocation: false`. While a start reads a long
   * feed, it is the time since that began.
   */
  feedAgeMs: number | null;
  /** Whether the news is older than `maxStaleness`, so that guarded routes ask the database too. */
  isFeedStale: boolean;
  /** `false` if the `encryptionKey` opens none of the stored keys. */
  areKeysReadable: boolean;
  /** How long ago the keys were last read, in milliseconds. */
  keysAgeMs: number;
  /**
   * How long the signing key has been in use, in milliseconds; `null` without one. More than a minute after
   * `rotationInterval`, no new key could be made.
   */
  signingKeyAgeMs: number | null;
}

/**
 * Reports the state of this instance's sessions, for a health route or a metric. `nestjs-auth-sessions/terminus` has an
 * indicator for @nestjs/terminus.
 * @publicApi
 */
@Injectable()
export class SessionHealth {
  private readonly logger = new Logger('SessionModule');

  /** @internal */
  constructor(
    private readonly database: SessionDatabase,
    private readonly feed: RevocationFeed,
    private readonly keys: KeyRing,
    private readonly counted: SessionCounters,
    private readonly tally: SessionTally,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Never throws, and answers within two seconds even if the database does not. */
  async check(): Promise<SessionHealthReport> {
    const databaseAnswers = await this.doesDatabaseAnswer();
    const areKeysReadable = !this.keys.areLocked;
    return {
      status: databaseAnswers && areKeysReadable ? 'up' : 'down',
      databaseAnswers,
      feedAgeMs: this.feed.reportedAgeMs ?? null,
      isFeedStale: this.feed.isStale,
      areKeysReadable,
      keysAgeMs: this.keys.ageMs,
      signingKeyAgeMs: this.keys.signingKeyAgeMs ?? null,
    };
  }

  /**
   * The counts since this instance started, and its current values, for prom-client and similar. No query. For
   * OpenTelemetry, use `SessionMetrics` in `nestjs-auth-sessions/opentelemetry`.
   */
  counters(): readonly SessionCounter[] {
    return this.counted.read();
  }

  /**
   * Reports how long the database took for each statement, for a histogram. Only one listener at a time. It does not
   * hear of the statements in your own transactions. One that throws breaks no statement; the log says so once.
   *
   * @returns a function that ends this subscription, and no later one
   */
  onStatement(listener: (timing: Readonly<StatementTiming>) => void): () => void {
    let hasFailed = false;
    const report = (): void => {
      if (!hasFailed) this.logger.error('A listener of `onStatement` failed');
      hasFailed = true;
    };
    const own = (timing: Readonly<StatementTiming>): void =>
      callListener(() => listener(timing), report);
    this.database.onStatement = own;
    return () => {
      if (this.database.onStatement === own) this.database.onStatement = undefined;
    };
  }

  /** @internal the same for refusals, while their request is under way */
  onRefusal(listener: (refused: Readonly<SessionEvents['refused']>) => void): () => void {
    const own = (refused: Readonly<SessionEvents['refused']>): void => listener(refused);
    this.tally.onRefusal = own;
    return () => {
      if (this.tally.onRefusal === own) this.tally.onRefusal = undefined;
    };
  }

  /** @internal the label of these sessions, if they have a kind */
  get kindLabels(): Readonly<Record<string, string>> {
    const { kind } = this.options;
    return kind === undefined ? {} : { kind };
  }

  private doesDatabaseAnswer(): Promise<boolean> {
    const answer = this.database.run('SELECT 1').then(
      () => true,
      () => false,
    );
    return Promise.race([answer, pause(ANSWER_WITHIN_MS, false, { ref: false })]);
  }
}
