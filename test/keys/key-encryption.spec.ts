import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyEncryption } from '../../lib/keys/key-encryption.js';

const first = createSecretKey(randomBytes(32));
const second = createSecretKey(randomBytes(32));
const MATERIAL = Buffer.from('a private key').toString('base64');
const ROW = '["d-0123456789abcdef","","dynamic","ES256",1,1700000000000,1700000000000]';

describe('the encryption of keys', () => {
  const encryption = new KeyEncryption([first]);
  const stored = encryption.encrypt(MATERIAL, ROW);

  it('gives back what was encrypted', () => {
    expect(encryption.decrypt(stored, ROW)).toBe(MATERIAL);
  });

  it('shows nothing of the key, neither in its text nor in its bytes', () => {
    const bytes = Buffer.from(stored.split('.')[2] ?? '', 'base64url').toString('latin1');
    expect(stored).not.toContain(MATERIAL);
    expect(bytes).not.toContain(MATERIAL);
    expect(bytes).not.toContain('private');
  });

  it('never makes the same text twice', () => {
    const texts = Array.from({ length: 200 }, () => encryption.encrypt(MATERIAL, ROW));
    expect(new Set(texts).size).toBe(200);
  });

  it('refuses a text with any one of its bits changed', () => {
    const [format, id, text = ''] = stored.split('.');
    const bytes = Buffer.from(text, 'base64url');
    const opened = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const changed = Buffer.from(bytes);
      const byte = bit >> 3;
      changed.writeUInt8(changed.readUInt8(byte) ^ (1 << (bit & 7)), byte);
      return encryption.decrypt(`${format}.${id}.${changed.toString('base64url')}`, ROW);
    });
    expect(opened.filter((each) => each !== undefined)).toEqual([]);
  });

  it('refuses a text cut off at any length', () => {
    const lengths = Array.from({ length: stored.length }, (_, length) => length);
    const opened = lengths.map((length) => encryption.decrypt(stored.slice(0, length), ROW));
    expect(opened.filter((each) => each !== undefined)).toEqual([]);
  });

  // Otherwise whoever can write to the database could give one key another's name, purpose or time.
  it('refuses a text under the description of another row', () => {
    for (const other of [
      ROW.replace('d-0', 'd-1'),
      ROW.replace('dynamic', 'static'),
      `${ROW} `,
      '',
    ]) {
      expect(encryption.decrypt(stored, other)).toBeUndefined();
    }
  });

  it.each(['', '.', '..', 'aes-256-gcm', 'aes-256-gcm..', 'AES-256-GCM.x.y', MATERIAL, '💥'])(
    'refuses %j, which it never made, without an error',
    (text) => expect(encryption.decrypt(text, ROW)).toBeUndefined(),
  );

  it('refuses a key in clear, which anybody with access to the database could have put there', () => {
    expect(encryption.decrypt(MATERIAL, ROW)).toBeUndefined();
  });

  it('encrypts under the first of several secrets and decrypts under each', () => {
    const both = new KeyEncryption([second, first]);
    expect(both.decrypt(stored, ROW)).toBe(MATERIAL);
    const renewed = both.encrypt(MATERIAL, ROW);
    expect(new KeyEncryption([second]).decrypt(renewed, ROW)).toBe(MATERIAL);
    expect(encryption.decrypt(renewed, ROW)).toBeUndefined();
  });

  it('refuses what was encrypted under a secret that it does not have, even under its name', () => {
    const other = new KeyEncryption([second]);
    expect(other.decrypt(stored, ROW)).toBeUndefined();
    const ownId = other.encrypt(MATERIAL, ROW).split('.')[1];
    expect(
      other.decrypt(
        stored
          .split('.')
          .with(1, ownId ?? '')
          .join('.'),
        ROW,
      ),
    ).toBeUndefined();
  });

  it('reads a key in clear where that is allowed, and still no changed one', () => {
    const lenient = new KeyEncryption([first], true);
    expect(lenient.decrypt(MATERIAL, ROW)).toBe(MATERIAL);
    expect(lenient.decrypt(stored, ROW)).toBe(MATERIAL);
    expect(lenient.decrypt(stored.slice(0, -2), ROW)).toBeUndefined();
  });

  it('knows what is stored as it would be now: under the first secret, or in clear without any', () => {
    expect(encryption.isCurrent(stored)).toBe(true);
    expect(encryption.isCurrent(MATERIAL)).toBe(false);
    expect(new KeyEncryption([second, first]).isCurrent(stored)).toBe(false);
    expect(new KeyEncryption([]).isCurrent(MATERIAL)).toBe(true);
  });

  it('keeps keys in clear where there is no secret, and then reads no encrypted ones', () => {
    const none = new KeyEncryption([]);
    expect(none.encrypt(MATERIAL, ROW)).toBe(MATERIAL);
    expect(none.decrypt(MATERIAL, ROW)).toBe(MATERIAL);
    expect(none.decrypt(stored, ROW)).toBeUndefined();
  });
});
