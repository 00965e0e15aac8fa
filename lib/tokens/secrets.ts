import {
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  randomFillSync,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

/** SHA-256 of a string's UTF-8 bytes, in lower-case hex. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex');
}

export function hmacSha256(key: KeyObject, message: Uint8Array | string): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/**
 * Compares in a time that does not depend on where the values differ. Values of different length are unequal, never an
 * error.
 */
export function constantTimeEqual(left: Uint8Array | string, right: Uint8Array | string): boolean {
  const a = typeof left === 'string' ? Buffer.from(left) : left;
  const b = typeof right === 'string' ? Buffer.from(right) : right;
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * A key for one purpose alone (NIST SP 800-57 part 1, 5.2), by HKDF-SHA-256 (RFC 5869) with the purpose as its label. A
 * log of an object that holds a `KeyObject` can't show its bytes.
 */
export function deriveKey(secret: KeyObject | Uint8Array, purpose: string): KeyObject {
  const label = `nestjs-auth-sessions/${purpose}`;
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), label, 32)));
}

/** Hands out random bytes, each of them once. */
export class RandomBytes {
  private given: number;

  /** @param store holds the bytes of one draw. A draw from the system costs 3 µs, whatever its size */
  constructor(private readonly store: Buffer) {
    this.given = store.length;
  }

  /** Fills a part of a buffer. @param length at most the size of the store */
  fill(target: Buffer, start: number, length: number): void {
    const { store } = this;
    if (this.given + length > store.length) {
      randomFillSync(store);
      this.given = 0;
    }
    const end = this.given + length;
    store.copy(target, start, this.given, end);
    store.fill(0, this.given, end);
    this.given = end;
  }
}

/** The random bytes of this process. */
export const randomBytes = new RandomBytes(Buffer.alloc(4096));
