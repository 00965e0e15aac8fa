import { Injectable, Inject, Logger } from '@nestjs/common';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import {
  accessTokenKid,
  isAccessTokenLike,
  MAX_CLOCK_SKEW_MS,
  readAccessToken,
  type AccessTokenClaims,
  type AccessTokenRefusal,
} from '../../tokens/access-token.js';
import type { Reading } from '../../tokens/reading.js';
import { ARRIVALS, type Arrivals } from '../../verification/arrivals.js';
import { KNOWN_REVOCATIONS, type KnownRevocations } from '../../verification/known-revocations.js';
import { judgedActor, judgedSession } from '../../verification/judged-session.js';
import { LIVE_SESSIONS, type LiveSessions } from '../../verification/live-sessions.js';
import { VERIFICATION_KEYS, type VerificationKeys } from '../../verification/verification-keys.js';
import { deepFreeze } from '../input/json-object.js';
import { accessTokenEndsAtMs } from '../mint/session-lifetime.js';
import { ownCopy, type VerifiedToken, VerifiedTokenCache } from './verified-token-cache.js';

// The longest grace period. A page does not take longer to arrive, so whoever says so is a thief.
const UNSEEN_FOR_MS = 300_000;

/** The result of verifying an access token. */
export type Verification =
  | { readonly kind: 'valid'; readonly token: VerifiedToken; readonly record?: SessionRecord }
  /** It is not ours, or no longer good; a refresh may give a good one. */
  | {
      readonly kind: 'try-refresh';
      readonly reason: RefusalReason;
      readonly claims?: Readonly<AccessTokenClaims>;
    }
  /** It is good, but came without the proof that the caller requires. */
  | { readonly kind: 'unproven'; readonly claims: Readonly<AccessTokenClaims> }
  /** The database says that the session is over. */
  | { readonly kind: 'ended'; readonly claims: Readonly<AccessTokenClaims> };

/** Verifies access tokens: by signature alone if that is enough, and in the database if the caller requires it. */
@Injectable()
export class SessionVerifier {
  private hasToldOfClocks = false;

  constructor(
    private readonly cache: VerifiedTokenCache,
    @Inject(VERIFICATION_KEYS) private readonly keys: VerificationKeys,
    @Inject(KNOWN_REVOCATIONS) private readonly revocations: KnownRevocations,
    @Inject(LIVE_SESSIONS) private readonly sessions: LiveSessions,
    @Inject(ARRIVALS) private readonly arrivals: Arrivals,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {}

  /**
   * @param checkDatabase whether the session's row must exist. It is always checked while the revocation feed is stale
   * @param isProven whether the request has what the token requires. It is decided before the database is asked
   * @throws {SessionStoreUnavailableException} if the database must be asked but can't be
   */
  async verify(
    verified: VerifiedToken,
    checkDatabase: boolean,
    isProven: (claims: Readonly<AccessTokenClaims>) => boolean,
  ): Promise<Verification> {
    await this.catchUp();
    const refusal = this.judge(verified);
    const { claims } = verified;
    if (refusal !== undefined) return { kind: 'try-refresh', reason: refusal, claims };
    this.remember(verified);
    if (!isProven(claims)) return { kind: 'unproven', claims };
    if (!checkDatabase && !this.revocations.isStale) return { kind: 'valid', token: verified };
    const record = await this.findLiveSession(claims);
    if (record !== undefined) return { kind: 'valid', token: verified, record };
    const isReplaced = await this.sessions.wasJustReplaced?.(claims.sessionHandle);
    return isReplaced === true
      ? { kind: 'try-refresh', reason: 'session-revoked', claims }
      : { kind: 'ended', claims };
  }

  /**
   * A remembered token that is still good, if no query is needed: the case of most requests. `undefined` tells nothing
   * about a token, but `verify` does.
   */
  findRemembered(token: string): VerifiedToken | undefined {
    const verified = this.cache.find(token);
    return verified !== undefined && this.isKnownToBeGood(verified) ? verified : undefined;
  }

  /** Remembers an authentic token if it is still good and no query is needed to tell. @returns whether it is */
  admit(verified: VerifiedToken): boolean {
    if (!this.isKnownToBeGood(verified)) return false;
    this.remember(verified);
    return true;
  }

  /** Whether a text looks like one of our access tokens. Remembered tokens have already been examined. */
  isAccessTokenLike(text: string): boolean {
    return this.cache.has(text) || isAccessTokenLike(text);
  }

  /** Whether a token has been accepted before. Asking does not count as use. */
  isRemembered(text: string): boolean {
    return this.cache.has(text);
  }

  /**
   * The result for a text by the known keys: whether it is authentic, not whether it is still good.
   *
   * @param isUnseen whether its sender says that the browser has not got it yet
   */
  read(token: string, isUnseen = false): Reading<VerifiedToken> {
    const remembered = this.cache.find(token);
    const areTooOld = this.keys.areTooOld === true;
    if (remembered !== undefined && !areTooOld) return { token: remembered };
    const kid = accessTokenKid(token);
    if (kid === undefined) return 'foreign';
    const key = areTooOld ? undefined : this.keys.findVerificationKey(kid);
    if (key === undefined) return 'unknown-key';
    const reading = readAccessToken(token, key, this.options, this.clock.now());
    if (!reading.ok) return this.refused(reading.reason);
    const claims = deepFreeze(reading.claims);
    return {
      token: { token: ownCopy(token), claims, key, isUnseen: isUnseen && this.isNew(claims) },
    };
  }

  /** Whether an authentic token can be used: it has not expired, and its session and its key have not been revoked. */
  isGood(verified: VerifiedToken): boolean {
    return this.judge(verified) === undefined;
  }

  /** Whether the news of revocations is too old to rely on, so that a session's row must be read. */
  get knowsTooLittle(): boolean {
    return this.revocations.isStale;
  }

  /** Hears the news that this service missed while it was suspended, if that can decide. */
  catchUp(): Promise<void> | undefined {
    return this.knowsTooLittle ? this.sessions.catchUp?.() : undefined;
  }

  /** Whether this instance knows that a token's session was revoked, or that of the person who acts in it. */
  isEnded(claims: Readonly<AccessTokenClaims>): boolean {
    return this.revocations.isRevoked(judgedSession(claims)) || this.isActorRevoked(claims);
  }

  /** @throws {SessionStoreUnavailableException} if the keys can't be read */
  reloadKeys(): Promise<void> {
    return this.keys.reloadForUnknownKey();
  }

  /** The row of a live session. */
  async findLiveSession(claims: Readonly<AccessTokenClaims>): Promise<SessionRecord | undefined> {
    const record = await this.sessions.findLive(claims.sessionHandle);
    return record?.userId === claims.sub && record.tenantId === claims.tId ? record : undefined;
  }

  // A token that one of our keys made is authentic, so its user is no guest. It may be good after a moment, as with a key
  // that is not known yet, or `issuer` has changed since. Other applications and kinds have other keys.
  private refused(reason: AccessTokenRefusal): 'unknown-key' | 'forged' {
    if (reason === 'not-yet-valid') this.tellOfClocks();
    return reason === 'not-yet-valid' || reason === 'audience' ? 'unknown-key' : 'forged';
  }

  private tellOfClocks(): void {
    if (!this.hasToldOfClocks) {
      new Logger('SessionModule').warn(
        'An access token is not valid yet: the clock of this machine is over a minute behind that of the one that made it. Set both by NTP.',
      );
    }
    this.hasToldOfClocks = true;
  }

  private isKnownToBeGood(verified: VerifiedToken): boolean {
    const mayJudge = !this.revocations.isStale && this.keys.areTooOld !== true;
    return mayJudge && this.judge(verified) === undefined;
  }

  // Checks at each use what can change after a token was remembered (ASVS 9.2.1, CVE class of stale caches).
  private judge({ claims, key }: VerifiedToken): RefusalReason | undefined {
    const nowMs = this.clock.now();
    if (accessTokenEndsAtMs(claims, this.revocations) <= nowMs) return 'access-token-expired';
    // A clock that has gone back would lengthen its life past the memory of a revocation.
    if (claims.iat * 1000 > nowMs + MAX_CLOCK_SKEW_MS) return 'access-token-invalid';
    if (this.keys.findVerificationKey(key.kid) !== key) return 'signing-key-revoked';
    return this.isEnded(claims) ? 'session-revoked' : undefined;
  }

  // An actor can act as somebody else only while they are logged in themselves.
  private isActorRevoked(claims: Readonly<AccessTokenClaims>): boolean {
    const actor = judgedActor(claims);
    return actor !== undefined && this.revocations.isRevoked(actor);
  }

  private isNew({ iat }: AccessTokenClaims): boolean {
    return iat * 1000 + UNSEEN_FOR_MS > this.clock.now();
  }

  private remember(verified: VerifiedToken): void {
    // Remembering what the browser may never get would swallow its first request, which proves more.
    if (verified.isUnseen === true || this.cache.has(verified.token)) return;
    this.cache.remember(verified);
    // The first sight of a token from a refresh proves that the answer arrived.
    const { sessionHandle, parentRefreshTokenHash1 } = verified.claims;
    if (parentRefreshTokenHash1 !== null) {
      this.arrivals.add(sessionHandle, parentRefreshTokenHash1);
    }
  }
}
