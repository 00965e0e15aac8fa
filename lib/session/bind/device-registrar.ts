import { Injectable } from '@nestjs/common';
import type { ChallengePurpose } from '../../binding/challenge.js';
import { writeDeviceKey } from '../../binding/device-key.js';
import { isSignedBy, readDeviceProof } from '../../binding/device-proof.js';
import {
  DeviceProofRefusedException,
  type DeviceProofRefusal,
} from '../../errors/device-proof-refused.exception.js';
import type { RefusedSession } from '../../errors/session.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import { DeviceKeyStore } from '../../store/device-key.store.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import type { IssuedSession } from '../issue/session-issuer.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionLife } from '../verify/session-life.js';
import { DeviceChallenges } from './device-challenges.js';

/** The result of a registration: a bound session, or a second attempt. */
export type Registration =
  | {
      readonly kind: 'bound';
      readonly issued: IssuedSession;
      /** The challenge of the first refresh. */
      readonly challenge: string;
    }
  | { readonly kind: 'try again'; readonly challenge: string };

const PURPOSES: readonly ChallengePurpose[] = ['registration', 'second registration'];

/** Binds a session to the key of its browser. */
@Injectable()
export class DeviceRegistrar {
  constructor(
    private readonly keys: DeviceKeyStore,
    private readonly challenges: DeviceChallenges,
    private readonly life: SessionLife,
    private readonly minter: AccessTokenMinter,
    private readonly refusals: SessionRefusals,
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
  ) {}

  /**
   * @param claims the claims of a good access token of the session
   * @param presented the value of `Secure-Session-Response`
   * @throws {DeviceProofRefusedException} (400) (403) and changes nothing
   * @throws {UnauthorizedSessionException} if the session is over
   */
  async register(
    claims: Readonly<AccessTokenClaims>,
    presented: string | undefined,
  ): Promise<Registration> {
    const { sessionHandle, sub: userId } = claims;
    const session = { sessionHandle, userId };
    const proof = readDeviceProof(presented ?? '');
    if (proof?.key === undefined) throw this.refusal('device-proof-malformed', session);
    if (!isSignedBy(proof, proof.key)) throw this.refusal('device-signature', session);
    const answered = await this.judge(proof.challenge, sessionHandle);
    if (answered === undefined) throw this.refusal('device-challenge', session);
    const deviceKey = writeDeviceKey(proof.key);
    const record = await this.liveRecord(session);
    // If the answer was lost, the same proof comes again. Later it may be a copy, which must not prolong anything.
    if (isBoundBy(record, deviceKey, answered.issuedAtMs)) {
      return this.answer(record, claims, answered.isLate ? claims : undefined);
    }
    if (record.deviceKey !== null) throw this.refusal('device-bound-already', session);
    if (answered.isLate) {
      if (answered.purpose !== 'registration') throw this.refusal('device-challenge', session);
      const challenge = await this.challenges.forRegistration(sessionHandle, true);
      return { kind: 'try again', challenge };
    }
    const { issuedAtMs } = answered;
    const bound = { ...record, deviceKey, challengeAcceptedAtMs: issuedAtMs };
    // Signed before the row changes: if signing fails, the session must not be bound without its browser knowing.
    const answer = await this.answer(bound, claims);
    if (await this.keys.bind(sessionHandle, deviceKey, issuedAtMs)) {
      const { tenantId } = record;
      this.events.emit('bound', { sessionHandle, userId, tenantId, atMs: this.clock.now() });
      return answer;
    }
    const now = await this.liveRecord(session);
    if (isBoundBy(now, deviceKey, issuedAtMs)) return answer;
    throw this.refusal('device-bound-already', session);
  }

  private async judge(challenge: string, sessionHandle: string) {
    for (const purpose of PURPOSES) {
      const issuedAtMs = await this.challenges.issuedAtMs(challenge, { purpose, sessionHandle });
      if (issuedAtMs === undefined) continue;
      const isLate = issuedAtMs + this.challenges.lifeMs(purpose) <= this.clock.now();
      return { purpose, issuedAtMs, isLate };
    }
    return undefined;
  }

  private async liveRecord(session: RefusedSession): Promise<SessionRecord> {
    const record = await this.life.findLive(session.sessionHandle);
    if (record !== undefined && record.userId === session.userId) return record;
    throw this.refusals.unauthorized('session-over', { clearTokens: false, session });
  }

  private async answer(
    record: SessionRecord,
    claims: Readonly<AccessTokenClaims>,
    replaced?: Readonly<AccessTokenClaims>,
  ): Promise<Registration> {
    const tokens = await this.minter.mint(record, claims, { replaced });
    return {
      kind: 'bound',
      issued: { record, tokens },
      challenge: await this.challenges.forRefresh(record),
    };
  }

  private refusal(
    reason: DeviceProofRefusal,
    session: RefusedSession,
  ): DeviceProofRefusedException {
    const atMs = this.clock.now();
    this.events.emit('proofFailed', { at: 'registration', reason, atMs, ...session });
    return new DeviceProofRefusedException(reason, session);
  }
}

function isBoundBy(record: SessionRecord, deviceKey: string, issuedAtMs: number): boolean {
  return record.deviceKey === deviceKey && record.challengeAcceptedAtMs === issuedAtMs;
}
