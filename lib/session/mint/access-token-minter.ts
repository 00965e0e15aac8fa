import { Injectable, Inject } from '@nestjs/common';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import type { ClaimSubject } from '../../claims/session-claim.js';
import { KeyRing } from '../../keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { ANTI_CSRF_TOKEN_LENGTH } from '../../tokens/anti-csrf-token.js';
import {
  BOUND_TO_DEVICE,
  signAccessToken,
  type AccessTokenClaims,
} from '../../tokens/access-token.js';
import { frontTokenFor } from '../../tokens/front-token.js';
import { checkCookieSize } from './cookie-size.js';
import { accessTokenEndsAtMs, accessTokenExpirySeconds } from './session-lifetime.js';
import { RESERVED_CLAIMS } from '../../tokens/reserved-claims.js';
import type { MintedTokens } from './minted-tokens.js';
import { SensitiveClaimWarning } from './sensitive-claim-warning.js';
import { deepFreeze } from '../input/json-object.js';

/** The content of an access token that does not come from the row. */
export interface AccessTokenLineage {
  refreshTokenHash1: string;
  parentRefreshTokenHash1: string | null;
  antiCsrfToken: string | null;
}

type ClaimsOfSession = AccessTokenPayload &
  Pick<
    AccessTokenClaims,
    'sub' | 'tId' | 'sessionHandle' | 'iat' | 'exp' | 'iss' | 'aud' | 'act' | 'auth_time' | 'cnf'
  >;

type MintedSession = Pick<
  SessionRecord,
  | 'handle'
  | 'userId'
  | 'tenantId'
  | 'accessTokenPayload'
  | 'createdAtMs'
  | 'authenticatedAtMs'
  | 'expiresAtMs'
  | 'actor'
  | 'deviceKey'
  | 'persistent'
>;

/** Decides with the session how long a token lives. */
interface Lifetime {
  /** The token that it replaces: it ends at the same time. @default none */
  readonly replaced?: Readonly<AccessTokenClaims> | undefined;
  /**
   * Whether the browser is asked to bind the session. Until then, the token lives no longer than that of a bound
   * session, and no longer than without the offer.
   */
  readonly isOffered?: boolean;
}

/** Makes access tokens and their front tokens. */
@Injectable()
export class AccessTokenMinter {
  private readonly telling =
    process.env['NODE_ENV'] === 'production' ? undefined : new SensitiveClaimWarning();

  constructor(
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * The tokens of an answer without a new refresh token.
   *
   * @throws {SessionInputException} if the payload makes a token that browsers would drop
   */
  async mint(
    session: MintedSession,
    lineage: AccessTokenLineage,
    lifetime: Lifetime = {},
  ): Promise<MintedTokens> {
    this.telling?.warnOf(session.accessTokenPayload);
    const { refreshTokenHash1, parentRefreshTokenHash1, antiCsrfToken } = lineage;
    const claims: AccessTokenClaims = Object.assign(this.claimsOf(session, lifetime), {
      refreshTokenHash1,
      parentRefreshTokenHash1,
      antiCsrfToken,
    });
    const accessToken = await signAccessToken(claims, await this.keys.signingKey());
    const frontToken = this.frontTokenFor(claims);
    checkCookieSize(
      { accessToken, claims, frontToken },
      this.options.cookie.accessToken.secureName,
    );
    return {
      accessToken,
      claims: deepFreeze(claims),
      frontToken,
      persistent: session.persistent,
      sessionExpiresAtMs: session.expiresAtMs,
    };
  }

  /**
   * The subject of a session without a token at hand. Its payload is that of a token made now, so that conditions and
   * fetched claims judge by the same facts everywhere. It only lacks what names the token itself.
   */
  subjectOf(session: MintedSession): ClaimSubject {
    const { userId, tenantId } = session;
    return { userId, tenantId, accessTokenPayload: this.claimsOf(session) };
  }

  /** A text as long as an anti-CSRF token, if tokens contain one, to check that the tokens fit. */
  get sampleAntiCsrfToken(): string | null {
    return this.options.antiCsrf === 'VIA_TOKEN' ? 'x'.repeat(ANTI_CSRF_TOKEN_LENGTH) : null;
  }

  /** The part of a token that the browser may read. */
  frontTokenFor(claims: Readonly<AccessTokenClaims>): string {
    const { frontTokenClaims } = this.options;
    return frontTokenFor(
      claims,
      frontTokenClaims && ((name) => RESERVED_CLAIMS.has(name) || frontTokenClaims.has(name)),
    );
  }

  private claimsOf(session: MintedSession, lifetime: Lifetime = {}): ClaimsOfSession {
    const { issuer, audience } = this.options;
    const nowMs = this.clock.now();
    const exp = this.expirySeconds(session, nowMs, lifetime);
    const claims: ClaimsOfSession = {
      ...session.accessTokenPayload,
      sub: session.userId,
      tId: session.tenantId,
      sessionHandle: session.handle,
      // The replacement of a token that has just ended is expired from the beginning, but still has the right form.
      iat: Math.min(Math.floor(nowMs / 1000), exp - 1),
      exp,
    };
    if (issuer !== undefined) claims.iss = issuer;
    if (audience !== undefined) claims.aud = audience;
    if (session.actor !== null) {
      const { userId: sub, handle: sid, tenantId: tId } = session.actor;
      claims.act = { sub, sid, tId };
    }
    claims.auth_time = Math.floor(session.authenticatedAtMs / 1000);
    if (this.isBound(session)) claims.cnf = BOUND_TO_DEVICE;
    return claims;
  }

  private expirySeconds(
    session: MintedSession,
    nowMs: number,
    { replaced, isOffered = false }: Lifetime,
  ): number {
    // Otherwise the holder of only an access token could continue forever with tokens that end later each time.
    if (replaced !== undefined) {
      return Math.floor(accessTokenEndsAtMs(replaced, this.options) / 1000);
    }
    return accessTokenExpirySeconds(
      session,
      nowMs,
      this.options,
      this.lifetimeMs(session, isOffered),
    );
  }

  private lifetimeMs(session: MintedSession, isOffered: boolean): number {
    const { accessTokenLifetimeMs, deviceBinding } = this.options;
    if (deviceBinding === false) return accessTokenLifetimeMs;
    const boundMs = deviceBinding.accessTokenLifetimeMs;
    if (session.deviceKey !== null) return boundMs;
    return isOffered ? Math.min(boundMs, accessTokenLifetimeMs) : accessTokenLifetimeMs;
  }

  private isBound({ deviceKey }: Pick<SessionRecord, 'deviceKey'>): boolean {
    return this.options.deviceBinding !== false && deviceKey !== null;
  }
}
