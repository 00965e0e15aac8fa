import { Inject, Injectable } from '@nestjs/common';
import type { ReadonlySession } from '../../session/container/readonly-session.js';
import {
  STALE_CLAIMS_POLICY,
  type StaleClaimsPolicy,
} from '../../session/container/stale-claims-policy.js';
import {
  VERIFIED_SESSIONS,
  type VerifiedSessions,
} from '../../session/container/verified-sessions.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { SessionVerifier } from '../../session/verify/session-verifier.js';
import { LIVE_CONNECTIONS, type LiveConnections } from './live-connections.js';
import { RequestVerification } from './request-verification.js';
import type { SocketMessage } from './socket-message.js';
import type { VerifySessionOptions } from './verify-session-options.js';

/** Verifies the session of an open connection, whose access token may have ended since. */
@Injectable()
export class HeldSessionVerification {
  constructor(
    private readonly verifier: SessionVerifier,
    private readonly verification: RequestVerification<ReadonlySession>,
    private readonly refusals: SessionRefusals,
    @Inject(VERIFIED_SESSIONS) private readonly sessions: VerifiedSessions<ReadonlySession>,
    @Inject(STALE_CLAIMS_POLICY) private readonly staleClaims: StaleClaimsPolicy<ReadonlySession>,
    @Inject(LIVE_CONNECTIONS) private readonly live: LiveConnections,
  ) {}

  /**
   * Verifies the session of a message. A socket outlives tokens and sessions, so each of its messages is judged by the
   * current facts, without a query.
   *
   * @throws as `verify`
   */
  async verifyMessage(
    { handshake, keeper, gateway, mayRepeat }: SocketMessage,
    asked: VerifySessionOptions,
  ): Promise<ReadonlySession | undefined> {
    const held = this.live.sessionOf(keeper);
    const session =
      held === undefined
        ? await this.verification.verifyHandshake(handshake, asked)
        : await this.verify(held, asked);
    if (session === undefined) return undefined;
    if (held === undefined && keeper !== handshake) this.live.hold(keeper, gateway, session);
    if (mayRepeat) this.sessions.limitChanges(session);
    return session;
  }

  /**
   * @throws {UnauthorizedSessionException} if the session is over, also by the database
   * @throws {InvalidClaimsException}
   * @throws {SessionStoreUnavailableException}
   */
  verify(held: ReadonlySession | 'ended', asked: VerifySessionOptions): Promise<ReadonlySession> {
    return this.judge(held, asked).catch((error: unknown) =>
      this.refusals.rethrow('verify', error),
    );
  }

  /** The same for a caller that reports by itself whom it refuses. */
  async judge(
    held: ReadonlySession | 'ended',
    asked: VerifySessionOptions,
  ): Promise<ReadonlySession> {
    await this.verifier.catchUp();
    // Among thousands that end together, a connection's turn to be closed may come later.
    if (held === 'ended' || this.verification.isOver(held)) {
      throw this.refusals.unauthorized('session-revoked', { clearTokens: false });
    }
    await this.takeRow(held, asked);
    await this.staleClaims.renewIn(held);
    await this.verification.claims.assertIn(held, asked.overrideGlobalClaimValidators);
    return held;
  }

  private async takeRow(
    session: ReadonlySession,
    { checkDatabase }: VerifySessionOptions,
  ): Promise<void> {
    if (checkDatabase !== true && !this.verifier.knowsTooLittle) return;
    const { claims } = session.live.held;
    const row = await this.verifier.findLiveSession(claims);
    if (row !== undefined) return this.sessions.takeRow(session, row);
    const { sessionHandle, sub: userId } = claims;
    const refused = { clearTokens: false, session: { sessionHandle, userId } };
    throw this.refusals.unauthorized('session-over', refused);
  }
}
