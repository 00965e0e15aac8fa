import { Inject, Injectable } from '@nestjs/common';
import { storedDeviceKey } from '../../binding/device-key.js';
import { isSignedBy, readDeviceProof, type DeviceProof } from '../../binding/device-proof.js';
import { judgeChallenge } from '../../binding/proof-rules.js';
import {
  DeviceProofRefusedException,
  type DeviceProofRefusal,
} from '../../errors/device-proof-refused.exception.js';
import { DeviceProofMissingException } from '../../errors/device-proof-missing.exception.js';
import type { RefusedSession } from '../../errors/session.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { DeviceKeyStore } from '../../store/device-key.store.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { decideRotation } from '../../tokens/rotation.js';
import type { DeviceInfo } from '../device/device-info.js';
import type { IssuedSession } from '../issue/session-issuer.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { sessionExpiresAtMs } from '../mint/session-lifetime.js';
import { RefreshNews } from '../refresh/refresh-news.js';
import type { AuthenticRefreshToken } from '../refresh/refresh-token-authenticator.js';
import { SessionRefresher } from '../refresh/session-refresher.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionLife } from '../verify/session-life.js';
import { DeviceChallenges } from './device-challenges.js';

/** A browser's request for a refresh. */
export interface ProofRequest {
  /** The session that the browser names. */
  readonly handle: string;
  /** The value of `Secure-Session-Response`. */
  readonly presented: string | undefined;
  /** The session's own refresh token, if its cookie came along. */
  readonly refreshToken: AuthenticRefreshToken | undefined;
  readonly device: DeviceInfo;
}

/** The result of a browser's refresh: a challenge to sign first, or new tokens and the next challenge. */
export interface ProvenRefresh {
  readonly issued: IssuedSession | undefined;
  readonly challenge: string;
}

/** Refreshes bound sessions with a proof of their device. */
@Injectable()
export class DeviceProver {
  constructor(
    private readonly keys: DeviceKeyStore,
    private readonly challenges: DeviceChallenges,
    private readonly refresher: SessionRefresher,
    private readonly life: SessionLife,
    private readonly minter: AccessTokenMinter,
    private readonly news: RefreshNews,
    private readonly refusals: SessionRefusals,
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException} if the session is over or unbound, or if another key signed the proof
   * @throws {DeviceProofRefusedException} (400) if the proof is malformed
   * @throws {DeviceProofMissingException} (503) if the browser must come again with its cookies
   */
  async refresh(request: ProofRequest): Promise<ProvenRefresh> {
    const record = await this.life.findLive(request.handle);
    if (record?.deviceKey === undefined || record.deviceKey === null) {
      throw this.refusals.unauthorized('session-over', { clearTokens: false });
    }
    if (request.presented === undefined) return this.ask(record);
    const { challenge } = this.signedProof(record, record.deviceKey, request.presented);
    const subject = { purpose: 'refresh', sessionHandle: record.handle } as const;
    const issuedAtMs = await this.challenges.issuedAtMs(challenge, subject);
    const acceptedAtMs = record.challengeAcceptedAtMs ?? 0;
    const nowMs = this.clock.now();
    const lifeMs = this.challenges.lifeMs('refresh');
    const verdict = judgeChallenge(issuedAtMs, acceptedAtMs, lifeMs, nowMs);
    if (issuedAtMs === undefined || verdict === 'stale') return this.ask(record);
    this.refuseEndedBrowser(record, request);
    const expiresAtMs = sessionExpiresAtMs(record, nowMs, this.options);
    const proven = {
      ...record,
      challengeAcceptedAtMs: issuedAtMs,
      lastActiveAtMs: nowMs,
      expiresAtMs,
    };
    const next = await this.challenges.forRefresh(proven);
    if (!(await this.keys.accept(record.handle, issuedAtMs, nowMs, expiresAtMs))) {
      // The same proof came twice and the other one was first, or the session has just ended.
      return this.refresh({ ...request, presented: undefined });
    }
    return { issued: await this.issue(proven, request), challenge: next };
  }

  /**
   * Lets a session go on without its key.
   *
   * @param refreshToken the session's own, if its cookie came along. One that a refresh would not answer is a copy
   * @throws {DeviceProofMissingException} (503) without a good one, so that the browser keeps the key of a bound session
   */
  async letGo(handle: string, refreshToken: AuthenticRefreshToken | undefined): Promise<void> {
    const record = await this.life.findLive(handle);
    if (record === undefined || record.deviceKey === null) return;
    const { refreshGracePeriodMs } = this.options;
    const isOwn =
      refreshToken !== undefined &&
      decideRotation(refreshToken.claims, record, refreshGracePeriodMs, this.clock.now()) !==
        'reuse';
    if (isOwn) return this.keys.unbind(handle);
    throw new DeviceProofMissingException({ sessionHandle: handle, userId: record.userId });
  }

  private async issue(record: SessionRecord, request: ProofRequest): Promise<IssuedSession> {
    const { refreshToken, device } = request;
    if (refreshToken !== undefined) {
      return this.refresher.refresh({
        refreshToken,
        withAntiCsrfToken: false,
        device,
        isProven: true,
      });
    }
    // Browsers omit the refresh cookie if another site's page caused the request.
    const lineage = {
      refreshTokenHash1: record.parentHash,
      parentRefreshTokenHash1: null,
      antiCsrfToken: null,
    };
    const tokens = await this.minter.mint(record, lineage);
    this.news.ofClient(record, request);
    return { record, tokens };
  }

  private async ask(record: SessionRecord): Promise<ProvenRefresh> {
    return { issued: undefined, challenge: await this.challenges.forRefresh(record) };
  }

  private signedProof(record: SessionRecord, deviceKey: string, presented: string): DeviceProof {
    const session = { sessionHandle: record.handle, userId: record.userId };
    const proof = readDeviceProof(presented);
    // The session has its own key, so a key inside the proof is never trusted.
    if (proof === undefined || proof.key !== undefined) {
      this.tell('device-proof-malformed', session);
      throw new DeviceProofRefusedException('device-proof-malformed', session);
    }
    const key = storedDeviceKey(deviceKey);
    if (key !== undefined && isSignedBy(proof, key)) return proof;
    this.tell('device-signature', session);
    throw this.refusals.unauthorized('device-signature', { clearTokens: false, session });
  }

  // The browser remembers a session longer than its window lives, but a session without "remember me" must end with it.
  private refuseEndedBrowser(record: SessionRecord, { refreshToken }: ProofRequest): void {
    const isExpected = this.options.cookie.refreshToken.path === '/';
    if (record.persistent || !isExpected || refreshToken !== undefined) return;
    throw new DeviceProofMissingException({
      sessionHandle: record.handle,
      userId: record.userId,
    });
  }

  private tell(reason: DeviceProofRefusal, session: RefusedSession): void {
    const atMs = this.clock.now();
    this.events.emit('proofFailed', { at: 'refresh', reason, atMs, ...session });
  }
}
