import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

// OWASP Password Storage Cheat Sheet, scrypt: 16 MiB, five times.
const COST = { N: 2 ** 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

// Nobody's password: an unknown e-mail address takes as long as a wrong password.
const STAND_IN = toText(Buffer.alloc(SALT_BYTES), Buffer.alloc(HASH_BYTES));

/** Salt and hash, as text for a column. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return toText(salt, await derive(password, salt));
}

/** @param passwordHash the result of `hashPassword`; `undefined` if there is no such user */
export async function isPassword(
  password: string,
  passwordHash: string | undefined,
): Promise<boolean> {
  const [salt = '', hash = ''] = (passwordHash ?? STAND_IN).split('.');
  const derived = await derive(password, Buffer.from(salt, 'base64url'));
  const isEqual = timingSafeEqual(derived, Buffer.from(hash, 'base64url'));
  return isEqual && passwordHash !== undefined;
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, COST, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function toText(salt: Buffer, hash: Buffer): string {
  return `${salt.toString('base64url')}.${hash.toString('base64url')}`;
}
