import { Injectable } from '@nestjs/common';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { buildClaims } from '../../claims/build-claims.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { Clock } from '../../time/clock.js';
import { RegisteredClaims, MARKED_STALE_AT_MS } from '../edit/registered-claims.js';
import type { SessionContainer } from './session-container.js';
import type { StaleClaimsPolicy } from './stale-claims-policy.js';

/** Renews claims that were fetched before the application marked them stale (`markClaimsStale`). */
@Injectable()
export class StaleClaimRenewal implements StaleClaimsPolicy<SessionContainer> {
  constructor(
    private readonly feed: RevocationFeed,
    private readonly registry: RegisteredClaims,
    private readonly clock: Clock,
  ) {}

  /**
   * Fetches a session's stale claims again and stores them in it, in the order of their registration. Without stale
   * claims, it makes no query.
   */
  async renewIn(session: SessionContainer): Promise<void> {
    const stale = this.in(session.getAccessTokenPayload(), session.getUserId());
    if (stale.length === 0) return;
    const subject = {
      userId: session.getUserId(),
      tenantId: session.getTenantId(),
      accessTokenPayload: session.getAccessTokenPayload(),
    };
    const update = await buildClaims(stale, subject, this.clock.now());
    // A fetch without a result leaves the claim as it is, and the next request asks again.
    if (Object.keys(update).length > 0) await session.mergeIntoAccessTokenPayload(update);
  }

  /** The registered claims of a payload that must be fetched again. No query. */
  in(payload: Readonly<AccessTokenPayload>, userId: string): readonly SessionClaim<unknown>[] {
    if (this.registry.claims.length === 0) return [];
    const staleSinceMs = this.feed.staleClaimsSinceMs(userId) ?? MARKED_STALE_AT_MS + 1;
    return this.registry.claims.filter((claim) => {
      const fetchedAtMs = claim.getLastFetchedTimeMs(payload);
      return fetchedAtMs !== undefined && fetchedAtMs < staleSinceMs;
    });
  }
}
