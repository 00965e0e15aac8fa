import type { KeyObject } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { SigningKeyRecord } from '../store/signing-key.store.js';
import type { AccessTokenSigningKey, AccessTokenVerificationKey } from '../tokens/access-token.js';
import type { RefreshTokenKey } from '../tokens/refresh-token.js';
import { deriveKey } from '../tokens/secrets.js';
import { KeyEncryption } from './key-encryption.js';
import { readPrivateKey, readSecret } from './key-material.js';
import { RevokedKeys } from './revoked-keys.js';
import type { ScheduledKey } from './key-schedule.js';

/** What a key is for: signing access tokens, signing `createJWT`'s tokens for good, or the secret under refresh tokens. */
export type KeyKind = 'dynamic' | 'static' | 'mac';

/** A signing key, ready for use. */
export type LoadedSigningKey = ScheduledKey & AccessTokenSigningKey & AccessTokenVerificationKey;

/** The secret under refresh tokens, ready for use. */
export interface LoadedSecret extends ScheduledKey {
  refreshTokenKey: RefreshTokenKey;
}

/** All keys of one reading, each kind in the order of activation. */
export interface LoadedKeys {
  readonly dynamic: readonly LoadedSigningKey[];
  readonly static: readonly LoadedSigningKey[];
  readonly mac: readonly LoadedSecret[];
  readonly signingByKid: ReadonlyMap<string, LoadedSigningKey>;
  readonly macById: ReadonlyMap<string, LoadedSecret>;
}

export const NO_KEYS: LoadedKeys = {
  dynamic: [],
  static: [],
  mac: [],
  signingByKid: new Map(),
  macById: new Map(),
};

/** Makes usable keys of rows, and rows' material of new keys. */
export class KeyLoader {
  private readonly logger = new Logger('SessionModule');
  private readonly encryption: KeyEncryption;
  private readonly reportedKids = new Set<string>();
  private readonly revocations = new RevokedKeys();

  /** @param encryptionKeys the first encrypts, all decrypt; none: keys are kept in clear */
  constructor(encryptionKeys: readonly KeyObject[], acceptsUnencryptedKeys = false) {
    this.encryption = new KeyEncryption(encryptionKeys, acceptsUnencryptedKeys);
  }

  /** @param known keys of an earlier reading, which need no decryption again */
  load(records: readonly SigningKeyRecord[], known: LoadedKeys): LoadedKeys {
    const inOrder = this.revocations
      .withoutRevoked(records)
      .toSorted((a, b) => a.activeAtMs - b.activeAtMs);
    const signing = (kind: KeyKind): LoadedSigningKey[] =>
      inOrder
        .filter((record) => record.kind === kind)
        .map((record) => known.signingByKid.get(record.kid) ?? this.openSigningKey(record))
        .filter((key) => key !== undefined);
    const dynamic = signing('dynamic');
    const permanent = signing('static');
    const mac = inOrder
      .filter((record) => record.kind === 'mac')
      .map((record) => known.macById.get(macKeyId(record.kid)) ?? this.openSecret(record))
      .filter((secret) => secret !== undefined);
    return {
      dynamic,
      static: permanent,
      mac,
      signingByKid: new Map([...dynamic, ...permanent].map((key) => [key.kid, key])),
      macById: new Map(mac.map((secret) => [secret.refreshTokenKey.id, secret])),
    };
  }

  /** Never uses a key again. */
  revoke(kid: string): void {
    this.revocations.add(kid);
  }

  /** Whether a key is in the database and can't be opened. */
  isUnreadable(kid: string): boolean {
    return this.reportedKids.has(kid);
  }

  /** The row of a new key, its material encrypted where there is a key for that. */
  seal(record: Omit<SigningKeyRecord, 'material'>, material: string): SigningKeyRecord {
    return { ...record, material: this.encryption.encrypt(material, describe(record)) };
  }

  /** The same key under the first encryption key; `undefined` where it is so already, or can't be read. */
  reseal(record: SigningKeyRecord): SigningKeyRecord | undefined {
    if (this.encryption.isCurrent(record.material)) return undefined;
    const material = this.encryption.decrypt(record.material, describe(record));
    return material === undefined ? undefined : this.seal(record, material);
  }

  private openSigningKey(record: SigningKeyRecord): LoadedSigningKey | undefined {
    const { kid, algorithm, activeAtMs } = record;
    const material = this.encryption.decrypt(record.material, describe(record));
    const pair =
      material !== undefined && (algorithm === 'ES256' || algorithm === 'RS256')
        ? readPrivateKey(material, algorithm)
        : undefined;
    if (pair === undefined) return this.reportUnreadable(kid);
    return { kid, algorithm: algorithm === 'RS256' ? 'RS256' : 'ES256', activeAtMs, ...pair };
  }

  private openSecret(record: SigningKeyRecord): LoadedSecret | undefined {
    const { kid, activeAtMs } = record;
    const material = this.encryption.decrypt(record.material, describe(record));
    const secret = material === undefined ? undefined : readSecret(material);
    if (secret === undefined) return this.reportUnreadable(kid);
    const refreshTokenKey = {
      id: macKeyId(kid),
      macKey: deriveKey(secret, 'refresh-token'),
      antiCsrfKey: deriveKey(secret, 'anti-csrf'),
    };
    return { kid, activeAtMs, refreshTokenKey };
  }

  private reportUnreadable(kid: string): undefined {
    if (this.reportedKids.has(kid)) return undefined;
    this.reportedKids.add(kid);
    this.logger.error(
      `The session key ${kid} in the database can't be read and is not used: it was encrypted under another ` +
        '`encryptionKey`, stored without one, or changed. Give the former `encryptionKey` as a second one; for keys ' +
        "that were stored without one set `encryptionKeyMigration: 'accept-unencrypted'` for a while.",
    );
    return undefined;
  }
}

// A refresh token names its secret by these 16 characters alone.
function macKeyId(kid: string): string {
  return kid.slice(2);
}

// What the encryption of a key vouches for beside the key itself.
function describe(record: Omit<SigningKeyRecord, 'material'>): string {
  const { kid, realm, kind, algorithm, sequence, createdAtMs, activeAtMs } = record;
  return JSON.stringify([kid, realm, kind, algorithm, sequence, createdAtMs, activeAtMs]);
}
