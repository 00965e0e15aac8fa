import { createSecretKey, type KeyObject } from 'node:crypto';
import type { RefreshTokenKey } from '../../lib/tokens/refresh-token.js';

/** The bytes from one number up. */
export function bytesFrom(first: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => first + index));
}

/** A key with plain contents: the bytes 0 to 11 for its id, 0 to 31, 32 to 63 and 64 to 95 for its three secrets. */
export const KEY: RefreshTokenKey = {
  id: 'AAECAwQFBgcICQoL',
  macKey: secretFrom(0),
  antiCsrfKey: secretFrom(32),
  challengeKey: secretFrom(64),
};

/** A secret of the 32 bytes from one number up. */
export function secretFrom(first: number): KeyObject {
  return createSecretKey(bytesFrom(first, 32));
}
