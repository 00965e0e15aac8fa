import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import { KeyRing } from '../../keys/key-ring.js';
import { longestAccessTokenMs } from '../../options/device-binding-options.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import {
  FEED_PAGE_LINES,
  FEED_VERSION,
  type FeedAnswer,
  type FeedLine,
} from '../../revocation/feed-answer.js';
import { movedOn, readCursor, writeCursor } from '../../revocation/feed-cursor.js';
import { FeedLog } from '../../revocation/feed-log.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import type { Revocation } from '../../revocation/revoked-sessions.js';
import { RegisteredClaims } from '../../session/edit/registered-claims.js';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { Clock } from '../../time/clock.js';
import { sha256Hex } from '../../tokens/secrets.js';

// Every instance reads the whole feed at least every ten minutes, so by then it knows what another one has learned.
const LATEST_WHOLE_READING_MS = 12 * 60_000;
const FORGET_EVERY_MS = 60_000;

/** An answer that is ready to send. */
export interface PublishedAnswer {
  /** `undefined`: nothing has changed for this reader. */
  readonly body: string | undefined;
  readonly etag: string;
  readonly timeMs: number;
  readonly ageMs: number;
}

/** Tells services without a database this instance's revocations. A request makes no query. */
@Injectable()
export class PublishedFeed {
  private readonly log: FeedLog;
  private forgottenAtMs = 0;

  constructor(
    private readonly feed: RevocationFeed,
    private readonly keys: KeyRing,
    private readonly registry: RegisteredClaims,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    const { revocation } = options;
    if (revocation === false) {
      throw new SessionConfigurationError(
        '`routes.revocations` needs `revocation`, which is false',
      );
    }
    const overlapMs = LATEST_WHOLE_READING_MS + 2 * revocation.pollIntervalMs;
    this.log = new FeedLog(randomUUID().slice(0, 13), overlapMs);
    feed.onLearned({
      learn: (record, revocationOf) => {
        const toText = (): string => JSON.stringify(lineOf(record, revocationOf));
        this.log.add(record.id, revocationOf.expiresAtMs, clock.now(), toText);
      },
      forgetExpired: (nowMs) => this.forgetExpired(nowMs),
    });
  }

  /**
   * @param cursor the cursor of an earlier answer; any other value reads everything
   * @param knownEtag the etag of the last answer
   */
  answer(cursor: unknown, knownEtag: string | undefined): PublishedAnswer {
    const timeMs = this.clock.now();
    // A clock that has gone back does not make an earlier reading fresh.
    const ageMs = Math.abs(this.feed.ageMs);
    const { realm } = this.options;
    const read = readCursor(cursor, realm);
    const { texts, last, more } = this.log.after(read, FEED_PAGE_LINES, timeMs);
    const state = this.state();
    const stateTag = tagOf(state);
    const isEmpty = texts.length === 0;
    const etag = isEmpty ? `W/"${stateTag}"` : `W/"${stateTag}-${this.log.instance}-${last}"`;
    if (isEmpty && etag === knownEtag) return { body: undefined, etag, timeMs, ageMs };
    const knownUpToMs = more || !Number.isFinite(ageMs) ? 0 : Math.max(0, timeMs - ageMs);
    const head: Omit<FeedAnswer, 'lines'> = {
      version: FEED_VERSION,
      ...state,
      time: timeMs,
      age: Number.isFinite(ageMs) ? ageMs : timeMs,
      keys: { at: Math.max(0, timeMs - this.keys.ageMs), ids: state.keys },
      cursor: writeCursor(movedOn(read, this.log.instance, last, knownUpToMs), realm),
      more,
    };
    // Lines are kept as text, because serializing a thousand takes a millisecond.
    const body = `${JSON.stringify(head).slice(0, -1)},"lines":[${texts.join(',')}]}`;
    return { body, etag, timeMs, ageMs };
  }

  /** Changes whenever a reader that has read everything would learn something. */
  get version(): string {
    return `${tagOf(this.state())}-${this.log.lastNumber}`;
  }

  /** The part that is the same in each answer until it changes. */
  private state() {
    const { issuer = null, audience = null } = this.options;
    return {
      issuer,
      audience,
      accessTokenLifetime: longestAccessTokenMs(this.options),
      keys: this.keys.accessTokenKeyIds().toSorted(),
      claims: this.registry.claims.map(({ key }) => key).toSorted(),
    };
  }

  private forgetExpired(nowMs: number): void {
    if (Math.abs(nowMs - this.forgottenAtMs) < FORGET_EVERY_MS) return;
    this.forgottenAtMs = nowMs;
    this.log.forgetExpired(nowMs);
  }
}

function tagOf(state: object): string {
  return sha256Hex(JSON.stringify(state)).slice(0, 32);
}

/** The public part of a line: never why, or by whom. */
function lineOf({ userId, tenantId }: RevocationRecord, revocation: Revocation): FeedLine {
  const until = revocation.expiresAtMs;
  const owner = {
    ...(userId === null ? {} : { userId }),
    ...(tenantId === null ? {} : { tenantId }),
  };
  if (revocation.kind === 'session') {
    return { kind: 'session', handle: revocation.handle, ...owner, until };
  }
  if (revocation.kind === 'cut-off') {
    return { kind: 'cut-off', ...owner, createdBefore: revocation.cutOffAtMs, until };
  }
  const { userId: stale, staleAtMs } = revocation;
  return { kind: 'stale-claims', userId: stale, fetchedBefore: staleAtMs, until };
}
