import { Inject, Injectable } from '@nestjs/common';
import type { AccessTokenPayload } from '../claims/access-token-payload.js';
import { isMissing, isStale } from '../claims/asked-in-vain.js';
import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import type { SessionClaim } from '../claims/session-claim.js';
import { validateClaims } from '../claims/validate-claims.js';
import type { RefusedSession } from '../errors/session.exception.js';
import { ReadonlySession } from '../session/container/readonly-session.js';
import type { StaleClaimsPolicy } from '../session/container/stale-claims-policy.js';
import type { VerifiedSessions } from '../session/container/verified-sessions.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import type { VerifiedToken } from '../session/verify/verified-token-cache.js';
import { Clock } from '../time/clock.js';
import { SESSION_ENDS, type HeldSession, type SessionEnds } from '../verification/session-ends.js';
import { IssuerFeed } from './issuer-feed.js';

/** Judges the claims of a verified session, and reports its end. */
@Injectable()
export class ClaimJudgement {
  constructor(
    private readonly feed: IssuerFeed,
    private readonly refusals: SessionRefusals,
    private readonly clock: Clock,
    @Inject(SESSION_ENDS) readonly ends: SessionEnds,
  ) {}

  /**
   * @throws {TryRefreshTokenException} if a claim has changed since it was fetched, or had no value: the refresh fetches
   *   it again
   * @throws {InvalidClaimsException}
   */
  async assertClaims(
    { claims }: HeldSession,
    validators: readonly SessionClaimValidator[],
  ): Promise<void> {
    const session: RefusedSession = { sessionHandle: claims.sessionHandle, userId: claims.sub };
    const { invalidClaims } = await validateClaims({
      validators: Array.isArray(validators) ? validators.map(withoutFetching) : validators,
      subject: { userId: claims.sub, tenantId: claims.tId, accessTokenPayload: claims },
      nowMs: this.clock.now(),
    });
    if (this.staleIn(claims, claims.sub, validators).length > 0) {
      throw this.refusals.tryRefresh('claims-stale', session);
    }
    if (invalidClaims.length > 0) throw this.refusals.invalidClaims(invalidClaims, session);
  }

  /** The claims of these validators that have changed since they were fetched, or since the token was made without. */
  staleIn(
    payload: Readonly<AccessTokenPayload>,
    userId: string,
    validators: readonly SessionClaimValidator[],
  ): readonly SessionClaim<unknown>[] {
    const sinceMs = this.feed.staleClaimsSinceMs(userId);
    const nowMs = this.clock.now();
    return validators.flatMap(({ claim }) => {
      if (claim === undefined || !this.feed.renews(claim.key)) return [];
      const isOld = isStale(claim, payload, sinceMs, nowMs) || isMissing(claim, payload, sinceMs);
      return isOld ? [claim] : [];
    });
  }
}

/** A session that another service keeps. */
class VerifiedSession extends ReadonlySession {
  /** @internal */
  protected override readonly spoken: HeldSession;

  constructor(
    token: HeldSession,
    private readonly judgement: ClaimJudgement,
  ) {
    super();
    // Libraries that instantiate classes call this without arguments, and the result must not pass for a session.
    if (!(judgement instanceof ClaimJudgement)) {
      throw new TypeError('only the SessionVerifierModule can make a session');
    }
    this.spoken = token;
  }

  /** @internal */
  protected override get ends(): SessionEnds {
    return this.judgement.ends;
  }

  override assertClaims(validators: readonly SessionClaimValidator[]): Promise<void> {
    return this.judgement.assertClaims(this.spoken, validators);
  }
}

/** Creates read-only sessions, and leaves stale claims to the issuer. */
@Injectable()
export class SessionsOfIssuer
  implements VerifiedSessions<ReadonlySession>, StaleClaimsPolicy<ReadonlySession>
{
  constructor(private readonly judgement: ClaimJudgement) {}

  remembered({ token: accessToken, claims }: VerifiedToken): ReadonlySession {
    return new VerifiedSession({ accessToken, claims }, this.judgement);
  }

  async verified(token: VerifiedToken): Promise<ReadonlySession> {
    return this.remembered(token);
  }

  // There are no rows.
  async takeRow(): Promise<void> {}

  // Such a session never changes, so nothing is written.
  attach(session: ReadonlySession, _request: unknown, response: unknown): void {
    session.bindTo(response);
  }

  limitChanges(): void {}

  in(
    payload: Readonly<AccessTokenPayload>,
    userId: string,
    asked: readonly SessionClaimValidator[] = [],
  ): readonly SessionClaim<unknown>[] {
    return this.judgement.staleIn(payload, userId, asked);
  }

  async renewIn(): Promise<void> {}
}

// There is no place to store a fetched claim.
function withoutFetching(validator: SessionClaimValidator): SessionClaimValidator {
  return {
    id: validator.id,
    validate: (payload, context) => validator.validate(payload, context),
  };
}
