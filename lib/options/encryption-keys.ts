import { createSecretKey, type KeyObject } from 'node:crypto';
import { itemsOf } from './option-checks.js';
import type { OptionReader } from './option-reader.js';

const ALLOWED =
  'at least 32 random bytes in base64 or hex (openssl rand -base64 32), or a list of these';

const LEAST_BYTES = 32;
const LEAST_DIFFERENT_BYTES = 8;

/**
 * Decodes the encryption keys into objects that no log shows. Random bytes are never short or monotonous, so keys that
 * are get refused.
 */
export function readEncryptionKeys(reader: OptionReader, name: string): readonly KeyObject[] {
  const keys = reader.converted(name, decodeKeys, ALLOWED) ?? [];
  if (keys.every((key) => isVaried(key.export()))) return keys;
  reader.problem(
    name,
    'is not random enough: the same bytes repeat; openssl rand -base64 32 makes a good one',
  );
  return [];
}

/** Whether keys in clear are accepted. This needs a key that encrypts them. */
export function readEncryptionKeyMigration(
  reader: OptionReader,
  name: string,
  encryptionKeys: readonly KeyObject[],
): boolean {
  const value = reader.value(name);
  if (value === undefined) return false;
  if (value !== 'accept-unencrypted') {
    return reader.refuse(name, value, "'accept-unencrypted'", false);
  }
  if (encryptionKeys.length === 0) reader.problem(name, 'needs `encryptionKey`');
  return true;
}

function decodeKeys(value: unknown): readonly KeyObject[] | undefined {
  const list = itemsOf(value) ?? [value];
  const keys = list.map(decodeKey).filter((key) => key !== undefined);
  return keys.length === list.length && keys.length > 0 ? keys : undefined;
}

function decodeKey(text: unknown): KeyObject | undefined {
  if (typeof text !== 'string') return undefined;
  const isHex = text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);
  if (!isHex && !/^[\w+/-]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, isHex ? 'hex' : 'base64');
  return bytes.length >= LEAST_BYTES ? createSecretKey(bytes) : undefined;
}

function isVaried(bytes: Buffer): boolean {
  return new Set(bytes).size >= LEAST_DIFFERENT_BYTES;
}
