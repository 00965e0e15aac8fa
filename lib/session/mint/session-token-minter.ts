import { Injectable } from '@nestjs/common';
import type { ClaimSubject } from '../../claims/session-claim.js';
import { KeyRing } from '../../keys/key-ring.js';
import type { SessionRecord } from '../../store/session-record.js';
import { antiCsrfTokenFor } from '../../tokens/anti-csrf-token.js';
import {
  mintRefreshToken,
  NO_PARENT_HASH,
  type RefreshTokenKey,
} from '../../tokens/refresh-token.js';
import { AccessTokenMinter } from './access-token-minter.js';
import type { MintedTokens } from './minted-tokens.js';

/** A refresh token for an answer, new or repeated, with the key that made it. */
export interface AnsweredRefreshToken {
  readonly token: string;
  readonly hash: string;
  /** The parent that the access token will confirm; null if there is nothing to confirm. */
  readonly parentHash: string | null;
  readonly key: RefreshTokenKey;
}

/** Makes the tokens that are sent together at a login and at a refresh. */
@Injectable()
export class SessionTokenMinter {
  constructor(
    private readonly keys: KeyRing,
    private readonly accessTokens: AccessTokenMinter,
  ) {}

  /** The subject of a session that has no token yet. */
  subjectOf(record: SessionRecord): ClaimSubject {
    return this.accessTokens.subjectOf(record);
  }

  /** A new refresh token of the row's generation. */
  async refreshTokenFor(
    row: Pick<SessionRecord, 'handle' | 'generation' | 'parentHash'>,
  ): Promise<AnsweredRefreshToken> {
    const { handle, generation, parentHash } = row;
    const key = await this.keys.refreshTokenKey();
    const { token, hash } = mintRefreshToken(
      { sessionHandle: handle, generation, parentHash },
      key,
    );
    return { token, hash, parentHash: parentHash === NO_PARENT_HASH ? null : parentHash, key };
  }

  /**
   * All tokens of one answer.
   *
   * @param isOffered whether the answer asks the browser to bind the session
   */
  async tokensFor(
    record: SessionRecord,
    refresh: AnsweredRefreshToken,
    withAntiCsrfToken: boolean,
    isOffered = false,
  ): Promise<MintedTokens> {
    const antiCsrfToken = withAntiCsrfToken
      ? antiCsrfTokenFor(refresh.hash, refresh.key)
      : undefined;
    const { accessToken, claims, frontToken } = await this.accessTokens.mint(
      record,
      {
        refreshTokenHash1: refresh.hash,
        parentRefreshTokenHash1: refresh.parentHash,
        antiCsrfToken: antiCsrfToken ?? null,
      },
      { isOffered },
    );
    // Spelled out: spreading an object into another costs 7 µs here, and slows every later access to the new one.
    return {
      accessToken,
      claims,
      frontToken,
      refreshToken: refresh.token,
      antiCsrfToken,
      persistent: record.persistent,
      sessionExpiresAtMs: record.expiresAtMs,
    };
  }
}
