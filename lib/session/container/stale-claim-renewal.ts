import { Injectable } from '@nestjs/common';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import {
  isAhead,
  isMissing,
  isStale,
  MARKED_STALE_AT_MS,
  withAskedInVain,
} from '../../claims/asked-in-vain.js';
import { buildClaims } from '../../claims/build-claims.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { Clock } from '../../time/clock.js';
import { RegisteredClaims } from '../edit/registered-claims.js';
import type { SessionContainer } from './session-container.js';
import type { StaleClaimsPolicy } from './stale-claims-policy.js';

// A fetch that never ends holds up only the requests that came with it.
const SHARED_FOR_MS = 1_000;

interface Renewal {
  readonly renewed: Promise<SessionContainer>;
  readonly begunAtMs: number;
}

/** Renews claims that were fetched, or had no value, before the application marked them stale (`markClaimsStale`). */
@Injectable()
export class StaleClaimRenewal implements StaleClaimsPolicy<SessionContainer> {
  private readonly underWay = new Map<string, Renewal>();
  // The last mark for which a session was asked. The token of a socket may be over: what is made of it has no later time,
  // and would lack a claim again and again.
  private readonly askedSince = new WeakMap<SessionContainer, number>();

  constructor(
    private readonly feed: RevocationFeed,
    private readonly registry: RegisteredClaims,
    private readonly clock: Clock,
  ) {}

  /**
   * Fetches a session's stale claims again and stores them in it, in the order of their registration. Without stale
   * claims, it makes no query. Requests of one token that come within a second share a fetch, unless the claims have been
   * marked again since it began.
   */
  async renewIn(session: SessionContainer): Promise<void> {
    const payload = session.getAccessTokenPayload();
    const sinceMs = this.feed.staleClaimsSinceMs(session.getUserId()) ?? MARKED_STALE_AT_MS;
    const found = this.in(payload, session.getUserId());
    const wasAsked = this.askedSince.get(session) === sinceMs;
    const stale = wasAsked ? found.filter(({ key }) => Object.hasOwn(payload, key)) : found;
    if (stale.length === 0) return;
    const name = `${sinceMs} ${session.getAccessToken()}`;
    const nowMs = this.clock.now();
    const before = this.underWay.get(name);
    if (before !== undefined && Math.abs(nowMs - before.begunAtMs) < SHARED_FOR_MS) {
      session.renewal.adopt(await before.renewed);
      this.askedSince.set(session, sinceMs);
      return;
    }
    const own = { renewed: this.fetchAgain(stale, session), begunAtMs: nowMs };
    this.underWay.set(name, own);
    try {
      await own.renewed;
      this.askedSince.set(session, sinceMs);
    } finally {
      if (this.underWay.get(name) === own) this.underWay.delete(name);
    }
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
    const sinceMs = this.feed.staleClaimsSinceMs(subject.userId);
    const update = await buildClaims(stale, subject, nowMs);
    // A mark came meanwhile: what has been fetched may be what has changed.
    if ((this.feed.staleClaimsSinceMs(subject.userId) ?? 0) > (sinceMs ?? 0)) {
      await this.renewIn(session);
      return session;
    }
    const unchanged = stale.filter(
      (claim) =>
        !Object.hasOwn(update, claim.key) &&
        (!Object.hasOwn(subject.accessTokenPayload, claim.key) ||
          withAskedInVain(claim, subject.accessTokenPayload, nowMs) !== undefined),
    );
    if (unchanged.length === 0 && Object.keys(update).length === 0) return session;
    // By the row: it may have another value than the token, have lost it, or have been fetched later.
    const ofRow = (payload: Readonly<AccessTokenPayload>): AccessTokenPayload => {
      const isOver = (claim: SessionClaim<unknown>): boolean => {
        const fetchedAtMs = claim.getLastFetchedTimeMs(payload) ?? 0;
        const isLater = fetchedAtMs > nowMs && !isAhead(fetchedAtMs, this.clock.now());
        const wasThere = Object.hasOwn(subject.accessTokenPayload, claim.key);
        return isLater || (wasThere && !Object.hasOwn(payload, claim.key));
      };
      const keys = new Set(stale.filter(isOver).map(({ key }) => key));
      return Object.fromEntries(Object.entries(update).filter(([key]) => !keys.has(key)));
    };
    const merging = session.renewal.merge((payload) =>
      unchanged.reduce(
        (merged, claim) => ({ ...merged, ...withAskedInVain(claim, payload, nowMs) }),
        ofRow(payload),
      ),
    );
    await merging.catch((error: unknown) => {
      if (unchanged.length === 0 || !(error instanceof SessionInputException)) throw error;
      // A token without room for the notes is good without them.
      return Object.keys(update).length === 0 ? undefined : session.renewal.merge(ofRow);
    });
    return session;
  }

  /** The registered claims of a payload that must be fetched again. No query. */
  in(payload: Readonly<AccessTokenPayload>, userId: string): readonly SessionClaim<unknown>[] {
    if (this.registry.claims.length === 0) return [];
    const sinceMs = this.feed.staleClaimsSinceMs(userId);
    const nowMs = this.clock.now();
    return this.registry.claims.filter(
      (claim) => isStale(claim, payload, sinceMs, nowMs) || isMissing(claim, payload, sinceMs),
    );
  }
}
