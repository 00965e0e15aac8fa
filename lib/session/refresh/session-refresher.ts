import { Injectable, Inject } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import type { TokenTheftDetectedException } from '../../errors/token-theft-detected.exception.js';
import type { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { RefreshTokenClaims } from '../../tokens/refresh-token.js';
import { decideRotation } from '../../tokens/rotation.js';
import { changedParts } from '../device/changed-client.js';
import { NO_DEVICE, type DeviceInfo } from '../device/device-info.js';
import {
  type AuthenticRefreshToken,
  RefreshTokenAuthenticator,
} from './refresh-token-authenticator.js';
import type { IssuedSession } from '../issue/session-issuer.js';
import { sessionExpiresAtMs } from '../mint/session-lifetime.js';
import { SessionExpirer } from '../end/session-expirer.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionRotator } from './session-rotator.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import { SessionLife } from '../verify/session-life.js';

// How long a node may lag behind the one that made a token: read again after each pause, for a second in all.
const PAUSES_MS = [20, 50, 100, 200, 300, 330];
// A lost race shows a newer row at the next reading; more than a few in a row would be a store that does not settle.
const MAX_RACES = 8;

/** A refresh as a client asks for it. */
export interface RefreshRequest {
  /** Its text, or what a reading of it has come to. */
  readonly refreshToken: AuthenticRefreshToken;
  /** Whether the client proves itself by an anti-CSRF token. */
  readonly withAntiCsrfToken: boolean;
  readonly antiCsrfToken?: string | undefined;
  /** Who asks, as far as the options keep it. */
  readonly device?: DeviceInfo;
}

/** Refreshes sessions: rotation by lineage, as `tokens/rotation.ts` decides it. */
@Injectable()
export class SessionRefresher {
  constructor(
    private readonly store: SessionStore,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly rotator: SessionRotator,
    private readonly minter: SessionTokenMinter,
    private readonly life: SessionLife,
    private readonly revoker: SessionRevoker,
    private readonly expirer: SessionExpirer,
    private readonly refusals: SessionRefusals,
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException} for a token that is not ours (nothing changes), or whose session is over
   * @throws {TokenTheftDetectedException} for a token that the session has left behind; the session is revoked
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
    const rotated = await this.rotateInOneStatement(token, request);
    return rotated === undefined
      ? this.refreshRead(token, request)
      : this.tellOfRotation(rotated, request);
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
      switch (decision) {
        case 'rotate': {
          const { withAntiCsrfToken } = request;
          const rotated = await this.rotator.rotate(record, token.claims, withAntiCsrfToken);
          if (rotated !== undefined) return this.tellOfRotation(rotated, request);
          races += 1;
          break;
        }
        case 'repeat':
          return this.repeat(record, token, request);
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
          throw await this.theft(record, token.claims);
      }
    }
    throw new SessionStoreUnavailableException({ cause: new Error('rotation did not settle') });
  }

  private async rotateInOneStatement(
    { claims }: AuthenticRefreshToken,
    request: RefreshRequest,
  ): Promise<IssuedSession | undefined> {
    // Without a grace period no repetition is answered: what is still to be asked is better asked before.
    const isForgiving = this.options.refreshGracePeriodMs > 0;
    if (!isForgiving && this.life.asksForCutOffs) return undefined;
    const rotated = await this.rotator.rotateInOneStatement(claims);
    if (rotated === undefined) return undefined;
    const { record, refresh } = rotated;
    try {
      // Whom a cut-off speaks of is known from the row alone; a session that it has ended is dead, rotated or not.
      await this.refuseOver(record);
      const tokens = await this.minter.tokensFor(record, refresh, request.withAntiCsrfToken);
      return { record, tokens };
    } catch (error) {
      if (!isForgiving) await this.rotator.takeBack(record, claims).catch(() => undefined);
      throw error;
    }
  }

  private async liveSession(handle: string): Promise<SessionRecord> {
    const record = await this.store.find(handle);
    if (record === undefined) throw this.over();
    await this.refuseOver(record);
    return record;
  }

  private async refuseOver(record: SessionRecord): Promise<void> {
    if (!(await this.life.isOver(record))) return;
    await this.expirer.end(record);
    throw this.over(record);
  }

  private async repeat(
    record: SessionRecord,
    { text, claims, key }: AuthenticRefreshToken,
    request: RefreshRequest,
  ): Promise<IssuedSession> {
    const nowMs = this.clock.now();
    let answered = record;
    if (record.confirmedAtMs === null) {
      const expiresAtMs = sessionExpiresAtMs(record, nowMs, this.options);
      await this.store.confirmByRefresh(record.handle, record.parentHash, nowMs, expiresAtMs);
      answered = { ...record, confirmedAtMs: nowMs, lastActiveAtMs: nowMs, expiresAtMs };
    }
    // The generation is confirmed by now, so nothing is left for the access token to confirm.
    const same = { token: text, hash: claims.hash, parentHash: null, key };
    const tokens = await this.minter.tokensFor(answered, same, request.withAntiCsrfToken);
    this.tellOfRepetition(record, request, 'repeat');
    // Sent again once it is confirmed, the token could arrive later than its child and put that out of the client's hands.
    const isSentAgain = record.confirmedAtMs === null;
    return {
      record: answered,
      tokens: isSentAgain ? tokens : { ...tokens, refreshToken: undefined },
    };
  }

  private async sibling(record: SessionRecord, request: RefreshRequest): Promise<IssuedSession> {
    const refresh = await this.minter.refreshTokenFor(record);
    const tokens = await this.minter.tokensFor(record, refresh, request.withAntiCsrfToken);
    this.tellOfRepetition(record, request, 'sibling');
    return { record, tokens };
  }

  private async theft(
    record: SessionRecord,
    presented: RefreshTokenClaims,
  ): Promise<TokenTheftDetectedException> {
    const detail = `presented generation ${presented.generation}, current ${record.generation}`;
    const ended = await this.revoker.revoke([record.handle], { reason: 'token-theft', detail });
    // Of many replays at once only the one that ended the session tells of it.
    if (ended.length > 0) this.events.emit('theftDetected', this.facts(record));
    return this.refusals.theft({ sessionHandle: record.handle, userId: record.userId });
  }

  private tellOfRotation(rotated: IssuedSession, request: RefreshRequest): IssuedSession {
    const { record } = rotated;
    const { handle: sessionHandle, userId, tenantId, generation } = record;
    const atMs = this.clock.now();
    this.events.emit('refreshed', { sessionHandle, userId, tenantId, atMs, generation });
    this.tellOfClient(record, request);
    return rotated;
  }

  private tellOfRepetition(
    record: SessionRecord,
    request: RefreshRequest,
    as: 'repeat' | 'sibling',
  ): void {
    const isFromOtherClient = this.tellOfClient(record, request);
    const rotatedAgoMs = this.clock.now() - record.rotatedAtMs;
    const facts = this.facts(record);
    this.events.emit('repeated', { ...facts, as, rotatedAgoMs, isFromOtherClient });
  }

  private tellOfClient(record: SessionRecord, { device = NO_DEVICE }: RefreshRequest): boolean {
    const changed = changedParts(record, device, this.options, this.clock.now());
    if (changed.length === 0) return false;
    this.events.emit('clientChanged', { ...this.facts(record), changed });
    return true;
  }

  private facts(record: SessionRecord) {
    const { handle, userId, tenantId } = record;
    return { sessionHandle: handle, userId, tenantId, atMs: this.clock.now() };
  }

  private over(record?: SessionRecord): UnauthorizedSessionException {
    const session = record && { sessionHandle: record.handle, userId: record.userId };
    return this.refusals.unauthorized('session-over', { clearTokens: true, session });
  }
}
