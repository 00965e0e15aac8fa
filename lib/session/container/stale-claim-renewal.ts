import { Injectable } from '@nestjs/common';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { isStale, withAskedInVain } from '../../claims/asked-in-vain.js';
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
      session.renewal.adopt(await before);
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
    const nowMs = this.clock.now();
    const update = await buildClaims(stale, subject, nowMs);
    const unchanged = stale.filter(
      (claim) =>
        !Object.hasOwn(update, claim.key) &&
        withAskedInVain(claim, subject.accessTokenPayload, nowMs) !== undefined,
    );
    if (unchanged.length === 0 && Object.keys(update).length === 0) return session;
    // By the row: it may have another value than the token, or have lost it.
    await session.renewal.merge((payload) =>
      unchanged.reduce(
        (merged, claim) => ({ ...merged, ...withAskedInVain(claim, payload, nowMs) }),
        update,
      ),
    );
    return session;
  }

  /** The registered claims of a payload that must be fetched again. No query. */
  in(payload: Readonly<AccessTokenPayload>, userId: string): readonly SessionClaim<unknown>[] {
    if (this.registry.claims.length === 0) return [];
    const staleSinceMs = this.feed.staleClaimsSinceMs(userId) ?? MARKED_STALE_AT_MS + 1;
    return this.registry.claims.filter((claim) => isStale(claim, payload, staleSinceMs));
  }
}
