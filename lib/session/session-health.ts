import { Injectable, Inject } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyRing } from '../keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { SessionDatabase } from '../store/session-database.js';

const ANSWER_WITHIN_MS = 2_000;

/** How the sessions of one instance are doing. @publicApi */
export interface SessionHealthReport {
  /** `down` while the database does not answer: logins and refreshes are answered 503 then. */
  status: 'up' | 'down';
  /** Whether the database answered within two seconds. */
  databaseAnswers: boolean;
  /** How old the news of revoked sessions are, in milliseconds; `null` with `revocation: false`. */
  feedAgeMs: number | null;
  /** Whether they are older than `maxStaleness`, so that guarded routes ask the database too. */
  isFeedStale: boolean;
  /** How long ago the keys were last read, in milliseconds. */
  keysAgeMs: number;
  /** How long the signing key has been in use, in milliseconds; `null` where there is none. Past `rotationInterval` no new one could be made. */
  signingKeyAgeMs: number | null;
}

/**
 * Tells how the sessions of this instance are doing, for a health route or a metric. For @nestjs/terminus there is an
 * indicator in `nestjs-auth-sessions/terminus`.
 * @publicApi
 */
@Injectable()
export class SessionHealth {
  constructor(
    private readonly database: SessionDatabase,
    private readonly feed: RevocationFeed,
    private readonly keys: KeyRing,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Never throws, and answers within two seconds whatever the database does. */
  async check(): Promise<SessionHealthReport> {
    const databaseAnswers = await this.doesDatabaseAnswer();
    return {
      status: databaseAnswers ? 'up' : 'down',
      databaseAnswers,
      feedAgeMs: this.options.revocation === false ? null : this.feed.ageMs,
      isFeedStale: this.feed.isStale,
      keysAgeMs: this.keys.ageMs,
      signingKeyAgeMs: this.keys.signingKeyAgeMs ?? null,
    };
  }

  private doesDatabaseAnswer(): Promise<boolean> {
    const answer = this.database.run('SELECT 1').then(
      () => true,
      () => false,
    );
    return Promise.race([answer, pause(ANSWER_WITHIN_MS, false, { ref: false })]);
  }
}
