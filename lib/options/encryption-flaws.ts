import type { Flaw } from '../errors/flaw.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

/** Finds flaws in how the database keeps keys. */
export function encryptionFlaws(
  { encryptionKeys, acceptsUnencryptedKeys }: ResolvedSessionOptions,
  production: boolean,
): Flaw[] {
  const flaws: Flaw[] = [];
  if (encryptionKeys.length === 0 && production) {
    flaws.push({
      code: 'encryption-key',
      cause: 'No `encryptionKey`: anyone who can read the database can log in as anybody.',
      cure: 'Set one (openssl rand -base64 32).',
    });
  }
  if (acceptsUnencryptedKeys) {
    flaws.push({
      code: 'encryption-key-migration',
      cause:
        "`encryptionKeyMigration: 'accept-unencrypted'` is on: anyone who can write to the database can plant a key.",
      cure: 'Each start with it encrypts the keys, so remove it with the next deployment.',
    });
  }
  return flaws;
}
