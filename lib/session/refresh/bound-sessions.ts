import { Inject, Injectable } from '@nestjs/common';
import { DeviceProofMissingException } from '../../errors/device-proof-missing.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { DeviceKeyStore } from '../../store/device-key.store.js';
import type { SessionRecord } from '../../store/session-record.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import type { IssuedSession } from '../issue/session-issuer.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { SessionRefusals } from '../refuse/session-refusals.js';

/** Evidence in a refresh about the device that its session may be bound to. */
export interface BoundRefresh {
  /** Whether the device has just proven its key. @default false */
  readonly isProven?: boolean;
  /** Whether the refresh token came in a header, which nothing binds to the device. @default false */
  readonly isInHeader?: boolean;
  /** Finds the request's good access token of the session. Called only for a bound session. */
  readonly goodAccessToken?: (handle: string) => Promise<Readonly<AccessTokenClaims> | undefined>;
}

/** Rules for the refresh token of a bound session, which alone is worth nothing. */
@Injectable()
export class BoundSessions {
  constructor(
    private readonly keys: DeviceKeyStore,
    private readonly minter: AccessTokenMinter,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * A row that was read. Once the option is removed, the session continues unbound, and its browser's proofs are
   * refused.
   */
  async asOfNow(record: SessionRecord): Promise<SessionRecord> {
    if (this.options.deviceBinding !== false || record.deviceKey === null) return record;
    await this.keys.unbind(record.handle);
    return { ...record, deviceKey: null, challengeAcceptedAtMs: null };
  }

  /** Whether a refresh takes no step of the lineage. */
  needProof({ deviceKey }: SessionRecord, { isProven = false }: BoundRefresh): boolean {
    return deviceKey !== null && !isProven;
  }

  /**
   * Answers a page that refreshes without a proof. A thief who has copied both cookies can do the same, so nothing is
   * extended. The new access token ends with the one in the request.
   *
   * @throws {DeviceProofMissingException} if the request has no good access token
   * @throws {UnauthorizedSessionException} if the refresh token came in a header
   */
  async answerWithoutProof(record: SessionRecord, request: BoundRefresh): Promise<IssuedSession> {
    const session = { sessionHandle: record.handle, userId: record.userId };
    if (request.isInHeader === true) {
      throw this.refusals.unauthorized('bound-session-in-header', { clearTokens: false, session });
    }
    const shown = await request.goodAccessToken?.(record.handle);
    if (shown === undefined) throw new DeviceProofMissingException(session);
    return { record, tokens: await this.minter.mint(record, shown, { replaced: shown }) };
  }
}
