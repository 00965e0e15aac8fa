import type { KeyObject } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import type { SigningKeyRecord } from '../store/signing-key.store.js';
import type { AccessTokenSigningKey, AccessTokenVerificationKey } from '../tokens/access-token.js';
import type { RefreshTokenKey } from '../tokens/refresh-token.js';
import { deriveKey } from '../tokens/secrets.js';
import { KeyEncryption } from './key-encryption.js';
import { readPrivateKey, readSecret } from './key-material.js';
import { RevokedKeys } from './revoked-keys.js';
import type { ScheduledKey } from './key-schedule.js';

/**
 * The purpose of a key: signing access tokens, signing `createJWT`'s tokens permanently, or the secret behind refresh
 * tokens.
 */
export type KeyKind = 'dynamic' | 'static' | 'mac';

/** A signing key, ready for use. */
export type LoadedSigningKey = ScheduledKey & AccessTokenSigningKey & AccessTokenVerificationKey;

/** The secret behind refresh tokens, ready for use. */
export interface LoadedSecret extends ScheduledKey {
  refreshTokenKey: RefreshTokenKey;
}

/** All keys of one reading, each kind in order of activation. */
export interface LoadedKeys {
  readonly dynamic: readonly LoadedSigningKey[];
  readonly static: readonly LoadedSigningKey[];
  readonly mac: readonly LoadedSecret[];
  readonly signingByKid: ReadonlyMap<string, LoadedSigningKey>;
  readonly macById: ReadonlyMap<string, LoadedSecret>;
  /** The rows that could not be opened. */
  readonly unreadable: readonly SigningKeyRecord[];
}

export const NO_KEYS: LoadedKeys = {
  dynamic: [],
  static: [],
  mac: [],
  signingByKid: new Map(),
  macById: new Map(),
  unreadable: [],
};

/** Whether keys that a login needs are stored and none of them can be opened. If none is stored, they are yet to be made. */
export function areLocked(keys: LoadedKeys, algorithm: string): boolean {
  const isLocked = (usable: readonly unknown[], kind: KeyKind, of: string): boolean =>
    usable.length === 0 && keys.unreadable.some((row) => row.kind === kind && row.algorithm === of);
  const signing = keys.dynamic.filter((key) => key.algorithm === algorithm);
  return isLocked(signing, 'dynamic', algorithm) || isLocked(keys.mac, 'mac', 'HS256');
}

/** The error for a use that needs a key of this kind, where a reading has none. */
export function noUsableKey(kind: KeyKind, keys: LoadedKeys): SessionStoreUnavailableException {
  const opensNone = keys.signingByKid.size + keys.macById.size === 0;
  const areUnreadable = keys.unreadable.some((row) => opensNone || row.kind === kind);
  return areUnreadable ? unreadableKey(kind) : new SessionStoreUnavailableException(causeOf(kind));
}

/** The same where the keys are there and can't be opened. */
export function unreadableKey(kind: KeyKind): SessionStoreUnavailableException {
  return new SessionStoreUnavailableException({ ...causeOf(kind), reason: 'keys-unreadable' });
}

function causeOf(kind: KeyKind): { cause: Error } {
  return { cause: new Error(`no usable ${kind} key`) };
}

/** Turns rows into usable keys, and new keys into rows. */
export class KeyLoader {
  private readonly logger = new Logger('SessionModule');
  private readonly encryption: KeyEncryption;
  private readonly reportedKids = new Set<string>();
  private readonly revocations = new RevokedKeys();

  /** @param encryptionKeys the first encrypts, all of them decrypt; none: keys are kept in clear */
  constructor(encryptionKeys: readonly KeyObject[], acceptsUnencryptedKeys = false) {
    this.encryption = new KeyEncryption(encryptionKeys, acceptsUnencryptedKeys);
  }

  /** @param known keys of an earlier reading, which need not be decrypted again */
  load(records: readonly SigningKeyRecord[], known: LoadedKeys): LoadedKeys {
    const inOrder = this.revocations
      .withoutRevoked(records)
      .toSorted((a, b) => a.activeAtMs - b.activeAtMs);
    const unreadable: SigningKeyRecord[] = [];
    const opened = <K>(kind: KeyKind, open: (record: SigningKeyRecord) => K | undefined): K[] =>
      inOrder
        .filter((record) => record.kind === kind)
        .flatMap((record) => {
          const key = open(record);
          if (key !== undefined) return [key];
          unreadable.push(record);
          this.reportUnreadable(record);
          return [];
        });
    const signing = (kind: KeyKind): LoadedSigningKey[] =>
      opened(kind, (record) => known.signingByKid.get(record.kid) ?? this.openSigningKey(record));
    const dynamic = signing('dynamic');
    const permanent = signing('static');
    const mac = opened(
      'mac',
      (record) => known.macById.get(macKeyId(record.kid)) ?? this.openSecret(record),
    );
    return {
      unreadable,
      dynamic,
      static: permanent,
      mac,
      signingByKid: new Map([...dynamic, ...permanent].map((key) => [key.kid, key])),
      macById: new Map(mac.map((secret) => [secret.refreshTokenKey.id, secret])),
    };
  }

  /** The rows that the given encryption keys open. It logs and remembers nothing. */
  readable(records: readonly SigningKeyRecord[]): SigningKeyRecord[] {
    const isOpened = (record: SigningKeyRecord): boolean =>
      (record.kind === 'mac' ? this.openSecret(record) : this.openSigningKey(record)) !== undefined;
    return records.filter(isOpened);
  }

  /** Permanently stops using a key. */
  revoke(kid: string): void {
    this.revocations.add(kid);
  }

  /** The row of a new key, whose material is encrypted if there is an encryption key. */
  seal(record: Omit<SigningKeyRecord, 'material'>, material: string): SigningKeyRecord {
    return { ...record, material: this.encryption.encrypt(material, describe(record)) };
  }

  /** The same key under the first encryption key; `undefined` if it is already, or can't be read. */
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
    if (pair === undefined) return undefined;
    return { kid, algorithm: algorithm === 'RS256' ? 'RS256' : 'ES256', activeAtMs, ...pair };
  }

  private openSecret(record: SigningKeyRecord): LoadedSecret | undefined {
    const { kid, activeAtMs } = record;
    const material = this.encryption.decrypt(record.material, describe(record));
    const secret = material === undefined ? undefined : readSecret(material);
    if (secret === undefined) return undefined;
    const refreshTokenKey = {
      id: macKeyId(kid),
      macKey: deriveKey(secret, 'refresh-token'),
      antiCsrfKey: deriveKey(secret, 'anti-csrf'),
      challengeKey: deriveKey(secret, 'device-challenge'),
    };
    return { kid, activeAtMs, refreshTokenKey };
  }

  private reportUnreadable({ kid }: SigningKeyRecord): void {
    if (this.reportedKids.has(kid)) return;
    this.reportedKids.add(kid);
    this.logger.error(
      `The session key ${kid} in the database can't be read and is not used: it was encrypted under another ` +
        '`encryptionKey`, stored without one, or changed. Add the former `encryptionKey` as a second one; for keys ' +
        "that were stored without one set `encryptionKeyMigration: 'accept-unencrypted'` for a while.",
    );
  }
}

// A refresh token names its secret only by these 16 characters.
function macKeyId(kid: string): string {
  return kid.slice(2);
}

// The properties that a key's encryption authenticates with the key.
function describe(record: Omit<SigningKeyRecord, 'material'>): string {
  const { kid, realm, kind, algorithm, sequence, createdAtMs, activeAtMs } = record;
  return JSON.stringify([kid, realm, kind, algorithm, sequence, createdAtMs, activeAtMs]);
}
