import { Injectable } from '@nestjs/common';
import type { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { unreadableKey } from '../../keys/key-loader.js';
import { KeyRing } from '../../keys/key-ring.js';
import { isAntiCsrfTokenOf } from '../../tokens/anti-csrf-token.js';
import type { Reading } from '../../tokens/reading.js';
import {
  readRefreshToken,
  type RefreshTokenClaims,
  type RefreshTokenKey,
} from '../../tokens/refresh-token.js';
import { SessionRefusals } from '../refuse/session-refusals.js';

/** An authentic refresh token: its content, and the key that authenticates it. */
export interface AuthenticRefreshToken {
  readonly text: string;
  readonly claims: RefreshTokenClaims;
  readonly key: RefreshTokenKey;
}

/** Distinguishes our refresh tokens from all other texts, before any query. */
@Injectable()
export class RefreshTokenAuthenticator {
  constructor(
    private readonly keys: KeyRing,
    private readonly refusals: SessionRefusals,
  ) {}

  /** Reads a refresh token. It does not check if the session still exists or if the token is still good. */
  async authenticate(text: string): Promise<AuthenticRefreshToken | undefined> {
    let reading = this.read(text);
    if (reading === 'unknown-key') {
      await this.reloadKeys();
      reading = this.read(text);
    }
    return typeof reading === 'object' ? reading.token : undefined;
  }

  /** The same, but a foreign text is refused. */
  async expect(presented: string): Promise<AuthenticRefreshToken> {
    const token = await this.authenticate(presented);
    if (token === undefined) throw this.refusal([presented], { clearTokens: false });
    return token;
  }

  /** The same with the known keys only. */
  read(text: string): Reading<AuthenticRefreshToken> {
    const reading = readRefreshToken(text, (id) => this.keys.findRefreshTokenKey(id));
    if (!reading.ok) {
      if (reading.reason === 'unknown-key') return 'unknown-key';
      return reading.reason === 'malformed' ? 'foreign' : 'forged';
    }
    const { claims } = reading;
    const key = this.keys.findRefreshTokenKey(claims.keyId);
    return key === undefined ? 'unknown-key' : { token: { text, claims, key } };
  }

  /** @throws {SessionStoreUnavailableException} if the keys can't be read */
  reloadKeys(): Promise<void> {
    return this.keys.reloadForUnknownKey();
  }

  /** The error if none of these texts is ours. */
  refusal(texts: readonly string[], { clearTokens }: { clearTokens: boolean }): Error {
    return (
      this.outage(texts) ?? this.refusals.unauthorized('refresh-token-invalid', { clearTokens })
    );
  }

  /** The error if one of these texts may be ours, but its key can't be opened. */
  outage(texts: readonly string[]): SessionStoreUnavailableException | undefined {
    // A wrong `encryptionKey` is an outage, in which clients must not forget good sessions.
    let isOutage = false;
    for (const text of texts) {
      readRefreshToken(text, (id) => {
        isOutage ||= this.keys.isUnreadableRefreshTokenKey(id);
        return undefined;
      });
    }
    return isOutage ? unreadableKey('mac') : undefined;
  }

  /**
   * Whether an anti-CSRF value belongs to a refresh token or its parent: a page may unload between cookie and header.
   */
  hasAntiCsrfToken(token: AuthenticRefreshToken, presented: string | undefined): boolean {
    return isAntiCsrfTokenOf(presented, token.claims, token.key);
  }
}
