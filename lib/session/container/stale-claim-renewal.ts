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
  private readonly underWay = new Map<string, Promise<SessionContainer>>();

  constructor(
    private readonly feed: RevocationFeed,
    private readonly registry: RegisteredClaims,
    private readonly clock: Clock,
  ) {}

  /**
   * Fetches a session's stale claims again and stores them in it, in the order of their registration. Without stale
   * claims, it makes no query. Requests of one token that come together share a fetch, unless the claims have been
   * marked again since it began.
   */
  async renewIn(session: SessionContainer): Promise<void> {
    const stale = this.in(session.getAccessTokenPayload(), session.getUserId());
    if (stale.length === 0) return;
    const name = `${this.feed.staleClaimsSinceMs(session.getUserId())} ${session.getAccessToken()}`;
    const before = this.underWay.get(name);
    if (before !== undefined) {
      session.adopt(await before);
      return;
    }
    const renewal = this.fetchAgain(stale, session).finally(() => this.underWay.delete(name));
    this.underWay.set(name, renewal);
    await renewal;
  }

  private async fetchAgain(
    stale: readonly SessionClaim<unknown>[],
    session: SessionContainer,
  ): Promise<SessionContainer> {
    const subject = {
      userId: session.getUserId(),
      tenantId: session.getTenantId(),
      accessTokenPayload: session.getAccessTokenPayload(),
    };
    const update = await buildClaims(stale, subject, this.clock.now());
    // A fetch without a result leaves the claim as it is, and the next request asks again.
    if (Object.keys(update).length > 0) await session.mergeIntoAccessTokenPayload(update);
    return session;
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
