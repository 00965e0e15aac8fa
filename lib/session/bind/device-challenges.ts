import { Inject, Injectable } from '@nestjs/common';
import {
  challengeIssuedAtMs,
  mintChallenge,
  type ChallengePurpose,
  type ChallengeSubject,
} from '../../binding/challenge.js';
import { challengeLifeMs, nextIssueMs } from '../../binding/proof-rules.js';
import { KeyRing } from '../../keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';

/** The challenges that devices have to sign. None is stored. */
@Injectable()
export class DeviceChallenges {
  constructor(
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The challenge of a registration. */
  async forRegistration(sessionHandle: string, isSecond = false): Promise<string> {
    const purpose = isSecond ? 'second registration' : 'registration';
    return mintChallenge(
      { purpose, sessionHandle },
      this.clock.now(),
      await this.keys.refreshTokenKey(),
    );
  }

  /** The challenge of the next refresh. */
  async forRefresh({
    handle: sessionHandle,
    challengeAcceptedAtMs,
  }: Pick<SessionRecord, 'handle' | 'challengeAcceptedAtMs'>): Promise<string> {
    const issuedAtMs = nextIssueMs(challengeAcceptedAtMs ?? 0, this.clock.now());
    const key = await this.keys.refreshTokenKey();
    return mintChallenge({ purpose: 'refresh', sessionHandle }, issuedAtMs, key);
  }

  /**
   * When a challenge was made; `undefined` if it is for another session or purpose, or not ours.
   *
   * @throws {SessionStoreUnavailableException} if the keys can't be read
   */
  async issuedAtMs(challenge: string, subject: ChallengeSubject): Promise<number | undefined> {
    let isUnknown = false;
    const find = (id: string) => {
      const key = this.keys.findRefreshTokenKey(id);
      isUnknown = key === undefined;
      return key;
    };
    const issuedAtMs = challengeIssuedAtMs(challenge, subject, find);
    if (!isUnknown) return issuedAtMs;
    await this.keys.reloadForUnknownKey();
    return challengeIssuedAtMs(challenge, subject, find);
  }

  /** How long a challenge may be answered. */
  lifeMs(purpose: ChallengePurpose): number {
    const { deviceBinding } = this.options;
    return deviceBinding === false
      ? 0
      : challengeLifeMs(purpose, deviceBinding.accessTokenLifetimeMs);
  }
}
