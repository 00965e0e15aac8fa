import type { Flaw } from '../errors/flaw.js';
import { KeyLoader } from '../keys/key-loader.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import type { SigningKeyStore } from '../store/signing-key.store.js';

/**
 * Whether the keys in the database can be opened by the `encryptionKey` that is given.
 *
 * @throws {SessionStoreUnavailableException} when the database can't be reached
 */
export async function keysFlaw(
  store: SigningKeyStore,
  { encryptionKeys, acceptsUnencryptedKeys }: ResolvedSessionOptions,
): Promise<Flaw | undefined> {
  // As an instance that starts now would read them: keys in this one's memory need no opening.
  const loader = new KeyLoader(encryptionKeys, acceptsUnencryptedKeys);
  const rows = await store.findAll();
  const count = rows.length - loader.readable(rows).length;
  if (count === 0) return undefined;
  const subject = count === 1 ? 'One session key' : `${count} session keys`;
  return {
    code: 'keys-unreadable',
    cause: `${subject} in the database can't be read: another \`encryptionKey\`, none, or a row that was changed. Logins and refreshes that need such a key are answered 503.`,
    cure: "Give the former `encryptionKey`, or a list with it. For keys that were stored without one set `encryptionKeyMigration: 'accept-unencrypted'` for a while.",
  };
}
