import { Injectable, Inject } from '@nestjs/common';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import {
  accessTokenKid,
  readAccessToken,
  type AccessTokenClaims,
} from '../../tokens/access-token.js';
import { ARRIVALS, type Arrivals } from '../../verification/arrivals.js';
import { KNOWN_REVOCATIONS, type KnownRevocations } from '../../verification/known-revocations.js';
import { LIVE_SESSIONS, type LiveSessions } from '../../verification/live-sessions.js';
import { VERIFICATION_KEYS, type VerificationKeys } from '../../verification/verification-keys.js';
import { deepFreeze } from '../input/json-object.js';
import { accessTokenEndsAtMs } from '../mint/session-lifetime.js';
import { ownCopy, type VerifiedToken, VerifiedTokenCache } from './verified-token-cache.js';

/** What an access token comes to. */
export type Verification =
  | { readonly kind: 'valid'; readonly token: VerifiedToken; readonly record?: SessionRecord }
  /** It is none of ours, or not good any more; a refresh may give one that is. */
  | {
      readonly kind: 'try-refresh';
      readonly reason: RefusalReason;
      readonly claims?: Readonly<AccessTokenClaims>;
    }
  /** It is good, and came without the proof that the caller asks for. */
  | { readonly kind: 'unproven'; readonly claims: Readonly<AccessTokenClaims> }
  /** The database says that the session is over. */
  | { readonly kind: 'ended'; readonly claims: Readonly<AccessTokenClaims> };

/** Verifies access tokens: by signature alone where that is enough, in the database where it is asked for. */
@Injectable()
export class SessionVerifier {
  constructor(
    private readonly cache: VerifiedTokenCache,
    @Inject(VERIFICATION_KEYS) private readonly keys: VerificationKeys,
    @Inject(KNOWN_REVOCATIONS) private readonly revocations: KnownRevocations,
    @Inject(LIVE_SESSIONS) private readonly sessions: LiveSessions,
    @Inject(ARRIVALS) private readonly arrivals: Arrivals,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @param checkDatabase whether the session's row has to be there; asked anyway while the revocation feed is stale
   * @param isProven whether the request has what the token demands, found out before the database is asked
   * @throws {SessionStoreUnavailableException} when the database has to be asked and can't be
   */
  async verify(
    verified: VerifiedToken,
    checkDatabase: boolean,
    isProven: (claims: Readonly<AccessTokenClaims>) => boolean = () => true,
  ): Promise<Verification> {
    const refusal = this.judge(verified);
    const { claims } = verified;
    if (refusal !== undefined) return { kind: 'try-refresh', reason: refusal, claims };
    if (!this.cache.has(verified.token)) this.remember(verified);
    if (!isProven(claims)) return { kind: 'unproven', claims };
    if (!checkDatabase && !this.revocations.isStale) return { kind: 'valid', token: verified };
    const record = await this.findLiveSession(claims);
    if (record === undefined) return { kind: 'ended', claims };
    return { kind: 'valid', token: verified, record };
  }

  /**
   * A token that is remembered and still good, where no database has to be asked: what most requests come with.
   * `undefined` says nothing about a token; `verify` does.
   */
  findRemembered(token: string): VerifiedToken | undefined {
    const verified = this.cache.find(token);
    if (verified === undefined || this.revocations.isStale) return undefined;
    return this.judge(verified) === undefined ? verified : undefined;
  }

  /** Whether a text looks like one of our access tokens; what is remembered has been looked at. */
  isAccessTokenLike(text: string): boolean {
    return this.cache.has(text) || accessTokenKid(text) !== undefined;
  }

  /** Whether a token has been accepted before; this is no use of it. */
  isRemembered(text: string): boolean {
    return this.cache.has(text);
  }

  /** What a text comes to by the keys that are known here: whether it is authentic, not whether it is still good. */
  read(token: string): { readonly token: VerifiedToken } | 'foreign' | 'forged' | 'unknown-key' {
    const remembered = this.cache.find(token);
    if (remembered !== undefined) return { token: remembered };
    const kid = accessTokenKid(token);
    if (kid === undefined) return 'foreign';
    const key = this.keys.findVerificationKey(kid);
    if (key === undefined) return 'unknown-key';
    const reading = readAccessToken(token, key, this.options, this.clock.now());
    if (!reading.ok) return 'forged';
    return { token: { token: ownCopy(token), claims: deepFreeze(reading.claims), key } };
  }

  /** Whether an authentic token can be used: it has not expired, and nobody has taken its session or its key away. */
  isGood(verified: VerifiedToken): boolean {
    return this.judge(verified) === undefined;
  }

  /** @throws {SessionStoreUnavailableException} when the keys can't be read */
  reloadKeys(): Promise<void> {
    return this.keys.reloadForUnknownKey();
  }

  /** The row of a session that is not over. */
  async findLiveSession(claims: Readonly<AccessTokenClaims>): Promise<SessionRecord | undefined> {
    const record = await this.sessions.findLive(claims.sessionHandle);
    return record?.userId === claims.sub && record.tenantId === claims.tId ? record : undefined;
  }

  // What can have changed since a token was remembered, judged at each use (ASVS 9.2.1, CVE class of stale caches).
  private judge({ claims, key }: VerifiedToken): RefusalReason | undefined {
    if (accessTokenEndsAtMs(claims, this.options) <= this.clock.now())
      return 'access-token-expired';
    if (this.keys.findVerificationKey(key.kid) !== key) return 'signing-key-revoked';
    const session = { handle: claims.sessionHandle, userId: claims.sub, tenantId: claims.tId };
    return this.revocations.isRevoked(session) ? 'session-revoked' : undefined;
  }

  /**
   * Reads an access token; whether it is still good is not judged.
   *
   * @throws {SessionStoreUnavailableException} when the keys can't be read
   */
  async authenticate(token: string): Promise<VerifiedToken | undefined> {
    let reading = this.read(token);
    if (reading === 'unknown-key') {
      await this.keys.reloadForUnknownKey();
      reading = this.read(token);
    }
    return typeof reading === 'object' ? reading.token : undefined;
  }

  private remember(verified: VerifiedToken): void {
    this.cache.remember(verified);
    // The first sight of a token that came with a refresh shows that the answer arrived.
    const { sessionHandle, parentRefreshTokenHash1 } = verified.claims;
    if (parentRefreshTokenHash1 !== null) {
      this.arrivals.add(sessionHandle, parentRefreshTokenHash1);
    }
  }
}
