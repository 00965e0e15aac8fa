import { longestAccessTokenMs } from '../options/device-binding-options.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import type { Clock } from '../time/clock.js';
import type { LoadedKeys, LoadedSigningKey } from './key-loader.js';
import { toJsonWebKey, type JsonWebKeyRecord } from './public-jwk.js';
import { RetiredKeys } from './retired-keys.js';
import { isPastUse, signsUntilMs, type KeyTimes } from './key-schedule.js';

/** The times of signing keys by the options. */
export function keyTimes(options: ResolvedSessionOptions): KeyTimes {
  const { rotationIntervalMs } = options.signing;
  return { rotationIntervalMs, accessTokenLifetimeMs: longestAccessTokenMs(options) };
}

/** Tells which of the loaded keys may sign, and of which ones tokens can be valid. */
export class TrustedKeys {
  /** Those that are trusted no more, but were not revoked either. */
  readonly retired: RetiredKeys;
  private readonly times: KeyTimes;

  constructor(
    private readonly clock: Clock,
    private readonly options: ResolvedSessionOptions,
  ) {
    this.times = keyTimes(options);
    this.retired = new RetiredKeys(this.times);
  }

  /** The keys of the configured algorithm that may sign access tokens, now or once they are active. */
  signers({ dynamic }: LoadedKeys): LoadedSigningKey[] {
    const nowMs = this.clock.now();
    const { algorithm, rotationIntervalMs } = this.options.signing;
    return dynamic.filter(
      (key) =>
        key.algorithm === algorithm && nowMs < signsUntilMs(key, dynamic, rotationIntervalMs),
    );
  }

  /** The keys of the configured algorithm that sign `createJWT`'s tokens permanently. */
  staticSigners({ static: permanent }: LoadedKeys): LoadedSigningKey[] {
    return permanent.filter((key) => key.algorithm === this.options.signing.algorithm);
  }

  /** Every key that a verifier may need, including the next ones. */
  published(keys: LoadedKeys): JsonWebKeyRecord[] {
    return [...keys.dynamic, ...keys.static]
      .filter((key) => this.isTrusted(key, keys))
      .map((key) => toJsonWebKey(key.kid, key.algorithm, key.publicKey));
  }

  /** Whether tokens that a key has signed can be valid. */
  isTrusted(key: LoadedSigningKey, { dynamic }: LoadedKeys): boolean {
    return !dynamic.includes(key) || !isPastUse(key, dynamic, this.times, this.clock.now());
  }

  /**
   * The ids of the keys that may have signed a valid access token. Keys that can't be opened here are among them: other
   * instances sign with them, and only a key whose row is gone was revoked.
   */
  accessTokenKeyIds(keys: LoadedKeys): string[] {
    const nowMs = this.clock.now();
    const opened = keys.dynamic.filter((key) => this.isTrusted(key, keys));
    const closed = keys.unreadable.filter(({ kind }) => kind === 'dynamic');
    const all = [...keys.dynamic, ...closed].toSorted((a, b) => a.activeAtMs - b.activeAtMs);
    const inUse = closed.filter((key) => !isPastUse(key, all, this.times, nowMs));
    return [...opened, ...inUse].map(({ kid }) => kid);
  }
}
