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
    if (reading === 'unknown-key') {
      await this.reloadKeys();
      reading = this.read(text);
    }
    return typeof reading === 'object' ? reading.token : undefined;
  }

  /** The same where a text that is none of ours is refused. */
  async expect(presented: string): Promise<AuthenticRefreshToken> {
    const token = await this.authenticate(presented);
    if (token === undefined) throw this.refusal([presented], { clearTokens: false });
    return token;
  }

  /** The same by the keys that are known here. */
  read(
    text: string,
  ): { readonly token: AuthenticRefreshToken } | 'foreign' | 'forged' | 'unknown-key' {
    const reading = readRefreshToken(text, (id) => this.keys.findRefreshTokenKey(id));
    if (!reading.ok) {
      if (reading.reason === 'unknown-key') return 'unknown-key';
      return reading.reason === 'malformed' ? 'foreign' : 'forged';
    }
    const { claims } = reading;
    const key = this.keys.findRefreshTokenKey(claims.keyId);
    return key === undefined ? 'unknown-key' : { token: { text, claims, key } };
  }

  /** @throws {SessionStoreUnavailableException} when the keys can't be read */
  reloadKeys(): Promise<void> {
    return this.keys.reloadForUnknownKey();
  }

  /** What to answer where none of these texts is ours. */
  refusal(texts: readonly string[], { clearTokens }: { clearTokens: boolean }): Error {
    // A wrong `encryptionKey` is an outage: clients must not forget sessions that are good.
    let isOutage = false;
    for (const text of texts) {
      readRefreshToken(text, (id) => {
        isOutage ||= this.keys.isUnreadableRefreshTokenKey(id);
        return undefined;
      });
    }
    return isOutage
      ? new SessionStoreUnavailableException({ cause: new Error('unreadable refresh token key') })
      : this.refusals.unauthorized('refresh-token-invalid', { clearTokens });
  }

  /** Whether an anti-CSRF value is the one of a refresh token, or of its parent: a page may unload between cookie and header. */
  hasAntiCsrfToken(token: AuthenticRefreshToken, presented: string | undefined): boolean {
    return isAntiCsrfTokenOf(presented, token.claims, token.key);
  }
}
