import { Injectable } from '@nestjs/common';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { KeyRing } from '../../keys/key-ring.js';
import { isAntiCsrfTokenOf } from '../../tokens/anti-csrf-token.js';
import {
  readRefreshToken,
  type RefreshTokenClaims,
  type RefreshTokenKey,
} from '../../tokens/refresh-token.js';
import { SessionRefusals } from '../refuse/session-refusals.js';

/** An authentic refresh token: what it says, and the key that says so. */
export interface AuthenticRefreshToken {
  readonly text: string;
  readonly claims: RefreshTokenClaims;
  readonly key: RefreshTokenKey;
}

/** Tells our refresh tokens from all other texts, before anything is asked of the database. */
@Injectable()
export class RefreshTokenAuthenticator {
  constructor(
    private readonly keys: KeyRing,
    private readonly refusals: SessionRefusals,
  ) {}

  /** Reads a refresh token; whether its session is still there, and it is still good, is not judged. */
  async authenticate(text: string): Promise<AuthenticRefreshToken | undefined> {
    let reading = this.read(text);
    if (!reading.ok && reading.reason === 'unknown-key') {
      await this.keys.reloadForUnknownKey();
      reading = this.read(text);
    }
    if (!reading.ok) return undefined;
    const key = this.keys.findRefreshTokenKey(reading.claims.keyId);
    return key && { text, claims: reading.claims, key };
  }

  /** What to answer where a text is none of ours. */
  refusal(text: string): Error {
    // A wrong `encryptionKey` is an outage: clients must not forget sessions that are good.
    let isOutage = false;
    readRefreshToken(text, (id) => {
      isOutage = this.keys.isUnreadableRefreshTokenKey(id);
      return undefined;
    });
    return isOutage
      ? new SessionStoreUnavailableException({ cause: new Error('unreadable refresh token key') })
      : this.refusals.unauthorized('refresh-token-invalid', { clearTokens: false });
  }

  /** Whether an anti-CSRF value is the one of a refresh token, or of its parent: a page may unload between cookie and header. */
  hasAntiCsrfToken(token: AuthenticRefreshToken, presented: string | undefined): boolean {
    return isAntiCsrfTokenOf(presented, token.claims, token.key);
  }

  private read(text: string): ReturnType<typeof readRefreshToken> {
    return readRefreshToken(text, (id) => this.keys.findRefreshTokenKey(id));
  }
}
