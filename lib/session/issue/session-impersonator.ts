import { Inject, Injectable } from '@nestjs/common';
import { SessionInputException } from '../../errors/session-input.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import type { RefreshTokenClaims } from '../../tokens/refresh-token.js';
import { decideRotation, type RotationDecision } from '../../tokens/rotation.js';
import type { LoginUnderWay } from '../end/logins-under-way.js';
import type { DeviceInfo } from '../device/device-info.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import { SessionLife } from '../verify/session-life.js';
import { SessionIssuer, type IssuedSession } from './session-issuer.js';

/** The user as whom somebody will act, why and for how long. */
export interface ImpersonationRequest {
  /** The handle of the actor's own session. */
  readonly actorHandle: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly reason: string;
  readonly lifetimeMs: number;
  readonly accessTokenPayload?: unknown;
  readonly sessionDataInDatabase?: unknown;
}

/** The impersonation, with its request and response. */
interface ImpersonationByRequest {
  readonly device: DeviceInfo;
  readonly login: LoginUnderWay | undefined;
  readonly withAntiCsrfToken: boolean;
  readonly replacedHandles: readonly string[];
}

/** Lets a user act as another, in a session that ends with the user's own. */
@Injectable()
export class SessionImpersonator {
  constructor(
    private readonly issuer: SessionIssuer,
    private readonly life: SessionLife,
    private readonly minter: SessionTokenMinter,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The row of a session whose user may act as others: it must be live, and the user's own. */
  async findActor(handle: string): Promise<SessionRecord | undefined> {
    const record = await this.life.findLive(handle);
    return record?.actor === null ? record : undefined;
  }

  /**
   * @param own the row of the actor's session
   * @throws {SessionInputException}
   * @throws {UnauthorizedSessionException} if the actor's session has ended meanwhile; nothing changes
   */
  begin(
    own: SessionRecord,
    request: Omit<ImpersonationRequest, 'actorHandle'>,
    how: ImpersonationByRequest,
  ): Promise<IssuedSession> {
    const { userId, tenantId, reason, lifetimeMs, ...held } = request;
    if (userId === own.userId && tenantId === own.tenantId) {
      throw new SessionInputException('userId', 'must be the id of another user');
    }
    const actor = { userId: own.userId, tenantId: own.tenantId, handle: own.handle, reason };
    const endsAtMs = Math.min(this.clock.now() + lifetimeMs, this.life.endByTime(own).atMs);
    return this.issuer.issue({
      ...held,
      ...how,
      userId,
      tenantId,
      persistent: own.persistent,
      // It is not a login of the user, so the session of the request stays.
      login: undefined,
      impersonation: { actor, endsAtMs, former: own.impersonating },
    });
  }

  /**
   * Judges the actor's refresh token as it is presented, and then tells which one waits for the return. If another tab
   * refreshes meanwhile, the session leaves the presented one behind, and a token of its new generation waits.
   *
   * @param own the row of the actor's session
   */
  waitingToken(
    own: SessionRecord,
    { text, claims }: { readonly text: string; readonly claims: RefreshTokenClaims },
  ): () => Promise<string> {
    const wasLive = this.isOneOf(['rotate', 'repeat', 'sibling'], claims, own);
    const current = async (): Promise<string> => {
      const now = wasLive ? await this.findActor(own.handle) : undefined;
      if (now === undefined || this.isOneOf(['rotate', 'repeat'], claims, now)) return text;
      return (await this.minter.refreshTokenFor(now)).token;
    };
    // The acting session is in the answer by then. An outage must not take the way back from it.
    return () => current().catch(() => text);
  }

  private isOneOf(
    decisions: readonly RotationDecision[],
    claims: RefreshTokenClaims,
    record: SessionRecord,
  ): boolean {
    const { refreshGracePeriodMs } = this.options;
    const decision = decideRotation(claims, record, refreshGracePeriodMs, this.clock.now());
    return decisions.includes(decision);
  }
}
