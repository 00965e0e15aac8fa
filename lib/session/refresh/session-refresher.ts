import { Injectable, Inject } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionReplacedException } from '../../errors/session-replaced.exception.js';
import type { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { decideRotation, isParent } from '../../tokens/rotation.js';
import type { DeviceInfo } from '../device/device-info.js';
import { BoundSessions, type BoundRefresh } from './bound-sessions.js';
import {
  type AuthenticRefreshToken,
  RefreshTokenAuthenticator,
} from './refresh-token-authenticator.js';
import { RefreshWrites } from './refresh-writes.js';
import type { IssuedSession } from '../issue/session-issuer.js';
import { SessionExpirer } from '../end/session-expirer.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { RefreshNews } from './refresh-news.js';
import { SessionRotator } from './session-rotator.js';
import { TokenTheft } from './token-theft.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import { ArrivalQueue } from '../verify/arrival-queue.js';
import { SessionLife } from '../verify/session-life.js';

// How long a node may lag behind the one that made a token: read again after each pause, for a second in all.
const PAUSES_MS = [20, 50, 100, 200, 300, 330];
// After a lost race, the next reading shows a newer row. More than a few in a row would mean a store that does not
// settle.
const MAX_RACES = 8;

/** A client's request for a refresh. */
export interface RefreshRequest extends BoundRefresh {
  /** The authenticated token. */
  readonly refreshToken: AuthenticRefreshToken;
  /** Whether the client must send an anti-CSRF token. */
  readonly withAntiCsrfToken: boolean;
  readonly antiCsrfToken?: string | undefined;
  /** Whether the token waited in a cookie, where another tab may have overtaken it. */
  readonly hasWaited?: boolean;
  /** The client, as far as the options keep it. */
  readonly device?: DeviceInfo;
}

/** Refreshes sessions: rotation by lineage, as `tokens/rotation.ts` decides it. */
@Injectable()
export class SessionRefresher {
  constructor(
    private readonly store: SessionStore,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly rotator: SessionRotator,
    private readonly writes: RefreshWrites,
    private readonly minter: SessionTokenMinter,
    private readonly life: SessionLife,
    private readonly arrivals: ArrivalQueue,
    private readonly bound: BoundSessions,
    private readonly revoker: SessionRevoker,
    private readonly expirer: SessionExpirer,
    private readonly theft: TokenTheft,
    private readonly refusals: SessionRefusals,
    private readonly news: RefreshNews,
    private readonly events: SessionEventBus,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException} if the session is over, or the token is not ours. A foreign token changes
   * nothing
   * @throws {SessionReplacedException} if another session of the same client has just replaced it
   * @throws {DeviceProofMissingException} if the session is bound to a device, and the request has no other evidence
   * @throws {TokenTheftDetectedException} if the session has left the token behind. The session is then revoked. A token
   * that has waited since the last rotation is only refused, if the session's user has acted as somebody
   * @throws {SessionStoreUnavailableException}
   */
  async refresh(request: RefreshRequest): Promise<IssuedSession> {
    const token = request.refreshToken;
    if (
      request.withAntiCsrfToken &&
      !this.authenticator.hasAntiCsrfToken(token, request.antiCsrfToken)
    ) {
      this.events.emit('antiCsrfFailed', { atMs: this.clock.now(), at: 'refresh' });
      throw this.refusals.unauthorized('anti-csrf', { clearTokens: false });
    }
    const rotated =
      request.isProven === true ? undefined : await this.refreshByToken(token, request);
    return rotated === undefined
      ? this.refreshRead(token, request)
      : this.news.ofRotation(rotated, request);
  }

  private async refreshRead(
    token: AuthenticRefreshToken,
    request: RefreshRequest,
  ): Promise<IssuedSession> {
    let pauses = 0;
    for (let races = 0; races < MAX_RACES;) {
      const record = await this.liveSession(token.claims.sessionHandle);
      const { refreshGracePeriodMs } = this.options;
      const decision = decideRotation(token.claims, record, refreshGracePeriodMs, this.clock.now());
      if (decision !== 'reuse' && decision !== 'ahead' && this.bound.needProof(record, request)) {
        return this.bound.answerWithoutProof(record, request);
      }
      switch (decision) {
        case 'rotate': {
          const { withAntiCsrfToken } = request;
          const rotated = await this.rotator.rotate(record, token.claims, withAntiCsrfToken);
          if (rotated !== undefined) return this.news.ofRotation(rotated, request);
          races += 1;
          break;
        }
        case 'repeat': {
          const confirmed = await this.rotator.confirm(record);
          const isSentAgain = record.confirmedAtMs === null;
          if (confirmed !== undefined) return this.repeat(confirmed, isSentAgain, token, request);
          races += 1;
          break;
        }
        case 'sibling':
          return this.sibling(record, request);
        case 'ahead': {
          const delayMs = PAUSES_MS[pauses];
          if (delayMs === undefined) throw this.over(record);
          pauses += 1;
          await pause(delayMs);
          break;
        }
        case 'reuse':
          races += 1;
          // A clock that has jumped ahead would make an honest client a thief.
          if (await this.clockCorrection.measureWhenDue()) break;
          if (request.hasWaited && record.impersonating !== null && isParent(token.claims, record))
            throw this.over(record, true);
          throw await this.theft.end(record, token.claims);
      }
    }
    throw new SessionStoreUnavailableException({ cause: new Error('rotation did not settle') });
  }

  private async refreshByToken(
    { claims }: AuthenticRefreshToken,
    request: RefreshRequest,
  ): Promise<IssuedSession | undefined> {
    // Without a grace period, repetitions get no answer, so the remaining checks come first.
    const isForgiving = this.options.refreshGracePeriodMs > 0;
    if (!isForgiving && this.life.asksForCutOffs) return undefined;
    const rotated = await this.rotator.rotateByToken(claims);
    if (rotated === undefined) return undefined;
    const { record, refresh } = rotated;
    try {
      // Only the row tells if a cut-off covers the session. Such a session is dead, rotated or not.
      if ((await this.endIfOver(record)) !== 'live') throw this.over(record);
      const tokens = await this.minter.tokensFor(record, refresh, request.withAntiCsrfToken);
      return { record, tokens };
    } catch (error) {
      if (!isForgiving) await this.rotator.takeBack(record, claims).catch(() => undefined);
      throw error;
    }
  }

  private async liveSession(handle: string, isReadAgain = false): Promise<SessionRecord> {
    const record = await this.store.find(handle);
    if (record === undefined) {
      const isReplaced = await this.life.wasJustReplaced(handle);
      throw isReplaced ? new SessionReplacedException() : this.over();
    }
    const state = await this.endIfOver(record);
    // Another instance, by whose options it lives, may have refreshed it.
    if (state === 'changed' && !isReadAgain) return this.liveSession(handle, true);
    if (state !== 'live') throw this.over(record);
    // A token that has arrived counts from then on, written or not.
    return this.arrivals.asSeen(await this.bound.asOfNow(this.life.asOfToday(record)));
  }

  /** @returns `changed` if it is over by its row as it was read, but somebody has changed or deleted that row */
  private async endIfOver(record: SessionRecord): Promise<'live' | 'ended' | 'changed'> {
    if (!(await this.life.isOver(record))) return 'live';
    const isByActor = record.actor !== null && this.life.endByTime(record).atMs > this.clock.now();
    const ending = { reason: 'actor-ended', detail: record.actor?.userId } as const;
    const reason = isByActor ? ending.reason : 'expired';
    const isEnded = await this.writes.end(record.handle, reason, async () =>
      isByActor
        ? (await this.revoker.revoke([record.handle], ending)).length > 0
        : this.expirer.end(record),
    );
    return isEnded === true ? 'ended' : 'changed';
  }

  // A confirmed token must not be sent again: it could arrive later than its child, and replace it at the client.
  private async repeat(
    record: SessionRecord,
    isSentAgain: boolean,
    { text, claims, key }: AuthenticRefreshToken,
    request: RefreshRequest,
  ): Promise<IssuedSession> {
    // The generation is already confirmed, so the access token has nothing to confirm.
    const same = { token: text, hash: claims.hash, parentHash: null, key };
    const tokens = await this.minter.tokensFor(record, same, request.withAntiCsrfToken);
    this.news.ofRepetition(record, request, 'repeat');
    return { record, tokens: isSentAgain ? tokens : { ...tokens, refreshToken: undefined } };
  }

  private async sibling(record: SessionRecord, request: RefreshRequest): Promise<IssuedSession> {
    const refresh = await this.minter.refreshTokenFor(record);
    const tokens = await this.minter.tokensFor(record, refresh, request.withAntiCsrfToken);
    this.news.ofRepetition(record, request, 'sibling');
    return { record, tokens };
  }

  /** @param isOvertaken whether the session lives on, with a later token */
  private over(record?: SessionRecord, isOvertaken = false): UnauthorizedSessionException {
    const session = record && { sessionHandle: record.handle, userId: record.userId };
    const reason = isOvertaken ? 'refresh-token-invalid' : 'session-over';
    return this.refusals.unauthorized(reason, { clearTokens: !isOvertaken, session });
  }
}
