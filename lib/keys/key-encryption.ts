import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { deriveKey } from '../tokens/secrets.js';

const FORMAT = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface WrappingKey {
  id: string;
  key: KeyObject;
}

/**
 * Encrypts the server's keys for the database (AES-256-GCM, NIST SP 800-38D). The key's row is authenticated with it,
 * so anyone who can write to the database can neither plant a key nor swap two.
 */
export class KeyEncryption {
  private readonly wrappingKeys: readonly WrappingKey[];

  /**
   * @param secrets the first encrypts, all of them decrypt; none: keys are kept in clear
   * @param acceptsClear whether keys in clear are still read, although nothing vouches for them
   */
  constructor(
    secrets: readonly KeyObject[],
    private readonly acceptsClear = false,
  ) {
    this.wrappingKeys = secrets.map((secret) => {
      const key = deriveKey(secret, 'keys-at-rest');
      const id = createHash('sha256').update(key.export()).digest('base64url').slice(0, 11);
      return { id, key };
    });
  }

  encrypt(material: string, description: string): string {
    const [first] = this.wrappingKeys;
    if (first === undefined) return material;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', first.key, nonce);
    cipher.setAAD(Buffer.from(description));
    const sealed = Buffer.concat([nonce, cipher.update(material, 'utf8'), cipher.final()]);
    const text = Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url');
    return `${FORMAT}.${first.id}.${text}`;
  }

  /** Whether a key is stored as a new one would be: under the first secret, or in clear without secrets. */
  isCurrent(stored: string): boolean {
    const [first] = this.wrappingKeys;
    return first === undefined || stored.startsWith(`${FORMAT}.${first.id}.`);
  }

  /** @returns `undefined` if no known key encrypted the text, or if it was changed since */
  decrypt(stored: string, description: string): string | undefined {
    if (!stored.startsWith(`${FORMAT}.`)) {
      return this.wrappingKeys.length === 0 || this.acceptsClear ? stored : undefined;
    }
    const [format, id, text] = stored.split('.');
    const wrappingKey = this.wrappingKeys.find((each) => each.id === id);
    if (format !== FORMAT || wrappingKey === undefined || text === undefined) return undefined;
    const sealed = Buffer.from(text, 'base64url');
    try {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv('aes-256-gcm', wrappingKey.key, nonce, options);
      decipher.setAAD(Buffer.from(description));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const opened = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([opened, decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}
