import { Logger, Injectable, Inject } from '@nestjs/common';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { SessionEventBus } from '../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { ClockCorrection } from '../store/clock-correction.js';
import { SigningKeyStore } from '../store/signing-key.store.js';
import { ReadingOnDemand } from '../time/reading-on-demand.js';
import type { VerificationKeys } from '../verification/verification-keys.js';
import { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import type { AccessTokenVerificationKey } from '../tokens/access-token.js';
import type { RefreshTokenKey } from '../tokens/refresh-token.js';
import type { JsonWebKeyRecord } from './public-jwk.js';
import {
  areLocked,
  KeyLoader,
  NO_KEYS,
  noUsableKey,
  type KeyKind,
  type LoadedKeys,
  type LoadedSigningKey,
} from './key-loader.js';
import { KeyMaker } from './key-maker.js';
import { KeyRewrapper } from './key-rewrapper.js';
import { activeKey, nextKeyDueAtMs, publicationLeadMs } from './key-schedule.js';
import { TrustedKeys } from './trusted-keys.js';

// A revoked key stays in use no longer than this on any instance that reaches the database.
const LONGEST_RELOAD_MS = 5_000;

/**
 * The server's keys in memory: those that sign and verify JWTs, and the secret behind refresh tokens. They are stored
 * in the database, so that all instances share them. They are made at first use and rotate on an interval.
 */
@Injectable()
export class KeyRing implements VerificationKeys {
  private readonly logger = new Logger('SessionModule');
  private readonly loader: KeyLoader;
  private readonly maker: KeyMaker;
  private readonly rewrapper: KeyRewrapper;
  private readonly trusted: TrustedKeys;
  private readonly leadMs: number;
  /** Reads the keys again from time to time, and makes the next one also where nothing is signed. */
  readonly reloadTask: IntervalTask;
  // A reading that is under way may have begun before the key was made.
  private readonly unknownKeyReading = new ReadingOnDemand(
    this.clock,
    () => this.reloading?.then(() => this.reload()) ?? this.reload(),
  );
  private readonly making = new Map<KeyKind, Promise<void>>();
  private keys: LoadedKeys = NO_KEYS;
  private reloading: Promise<void> | undefined;
  private readings = 0;
  private newestReading = 0;
  private isBlind = false;
  private lastReadAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: SigningKeyStore,
    events: SessionEventBus,
    clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.loader = new KeyLoader(options.encryptionKeys, options.acceptsUnencryptedKeys);
    this.maker = new KeyMaker(store, this.loader, events, clockCorrection, clock, options);
    this.trusted = new TrustedKeys(clock, options);
    this.leadMs = publicationLeadMs(options.signing.rotationIntervalMs);
    this.rewrapper = new KeyRewrapper(store, this.loader, clock);
    this.reloadTask = new IntervalTask(
      Math.min(LONGEST_RELOAD_MS, this.leadMs),
      () => this.reload().then(() => this.makeNextIfDue()),
      () =>
        this.logger.warn('The session keys could not be read again; the known ones stay in use'),
    );
  }

  /** @throws {SessionStoreUnavailableException} if the keys can't be read */
  async start(): Promise<void> {
    await this.reload();
    // Made now, because the first login may be part of the application's transaction. If that is rolled back, its keys
    // would remain only in this instance's memory. Unreadable keys have been reported by now.
    if (this.trusted.signers(this.keys).length === 0) await this.make('dynamic');
    if (this.keys.mac.length === 0) await this.make('mac');
    this.reloadTask.start();
  }

  async stop(): Promise<void> {
    await this.reloadTask.stop();
    await Promise.allSettled(this.making.values());
  }

  /** The key that signs access tokens now. The next one is made in time, without delaying answers. */
  async signingKey(): Promise<LoadedSigningKey> {
    // After a suspension, other instances may sign with a key not read here, and no longer trust the previous one.
    if (this.ageMs > this.leadMs) await this.catchUp();
    const keys = this.trusted.signers(this.keys);
    const active = activeKey(keys, this.clock.now());
    if (active === undefined)
      return this.firstKey(() => this.trusted.signers(this.keys), 'dynamic');
    this.makeNextIfDue(keys);
    return active;
  }

  /** The key for `createJWT` that never rotates. */
  staticKey(): Promise<LoadedSigningKey> {
    return this.firstKey(() => this.trusted.staticSigners(this.keys), 'static');
  }

  /** The secret that makes new refresh tokens. */
  async refreshTokenKey(): Promise<RefreshTokenKey> {
    const secret = activeKey(this.keys.mac, this.clock.now());
    return (secret ?? (await this.firstKey(() => this.keys.mac, 'mac'))).refreshTokenKey;
  }

  /** The secret that a refresh token names, if it is known here. */
  findRefreshTokenKey(id: string): RefreshTokenKey | undefined {
    return this.keys.macById.get(id)?.refreshTokenKey;
  }

  /** Whether a refresh token names a secret that is in the database but can't be opened: the token may be good. */
  isUnreadableRefreshTokenKey(id: string): boolean {
    return this.keys.unreadable.some(({ kid }) => kid === `m-${id}`);
  }

  /** The key that an access token names, as long as tokens that it signed can be valid. */
  findVerificationKey(kid: string): AccessTokenVerificationKey | undefined {
    const key = this.keys.signingByKid.get(kid);
    return key && this.trusted.isTrusted(key, this.keys) ? key : undefined;
  }

  /** The same, also once its time is over: only a revoked key is unknown. */
  findKnownKey(kid: string): AccessTokenVerificationKey | undefined {
    return this.keys.signingByKid.get(kid) ?? this.trusted.retired.find(kid);
  }

  /**
   * Reads the keys again for an unknown key id, at most once in a few seconds.
   *
   * @throws {SessionStoreUnavailableException} if they can't be read: the id may belong to a new key
   */
  async reloadForUnknownKey(): Promise<void> {
    await (this.unknownKeyReading.next() ?? this.reloading);
    if (this.isBlind) {
      throw new SessionStoreUnavailableException({ cause: new Error('session keys not read') });
    }
  }

  /**
   * Takes a key out of use: on this instance at once, on the others at their next reading. A new one replaces it.
   *
   * @returns whether it existed
   */
  async revoke(kid: string): Promise<boolean> {
    const wasThere = await this.maker.replace(kid);
    if (wasThere) this.loader.revoke(kid);
    await this.read();
    this.trusted.retired.forget(kid);
    return wasThere;
  }

  /** Makes another secret for new refresh tokens; tokens of the former ones stay valid. @returns its key id */
  async addRefreshTokenSecret(): Promise<string> {
    const kid = await this.maker.addRefreshTokenSecret();
    await this.read();
    return kid;
  }

  /** Every key that a verifier may need, including the next ones, and how long to cache the list. */
  jwks(): { keys: JsonWebKeyRecord[]; validityInSeconds: number } {
    return {
      keys: this.trusted.published(this.keys),
      validityInSeconds: Math.max(1, Math.floor(this.leadMs / 1000)),
    };
  }

  /** The ids of the keys that may have signed an access token, also of those that can't be opened here. */
  accessTokenKeyIds(): string[] {
    return this.trusted.accessTokenKeyIds(this.keys);
  }

  /** How long ago the keys were last read, in milliseconds. */
  get ageMs(): number {
    return this.clock.now() - this.lastReadAtMs;
  }

  /** How long the signing key has been in use, in milliseconds; `undefined` without one. */
  get signingKeyAgeMs(): number | undefined {
    const active = activeKey(this.trusted.signers(this.keys), this.clock.now());
    return active && this.clock.now() - active.activeAtMs;
  }

  /** Whether keys that a login needs are in the database and can't be opened. If none is there, the first use makes one. */
  get areLocked(): boolean {
    return areLocked(this.keys, this.options.signing.algorithm);
  }

  /** Whether signing keys are missing from `jwks` although other instances may sign with them. */
  get isJwksIncomplete(): boolean {
    return this.areLocked && this.keys.unreadable.some(({ kind }) => kind === 'dynamic');
  }

  private reload(): Promise<void> {
    this.reloading ??= this.read()
      .catch((error: unknown) => {
        this.isBlind = true;
        throw error;
      })
      .finally(() => {
        this.reloading = undefined;
      });
    return this.reloading;
  }

  /** While the database is away, the known keys stay in use. */
  private async catchUp(): Promise<void> {
    await this.making.get('dynamic')?.catch(() => undefined);
    if (this.ageMs > this.leadMs) await this.reload().catch(() => undefined);
  }

  private async read(): Promise<void> {
    const reading = (this.readings += 1);
    // The rows are at least as new as this. A later time would let them pass for newer than another instance's.
    const readAtMs = this.clock.now();
    const records = await this.store.findAll();
    this.isBlind = false;
    // A slow reading must not overwrite a later one.
    if (reading < this.newestReading) return;
    this.newestReading = reading;
    this.trusted.retired.follow(this.keys, this.lastReadAtMs, records);
    this.lastReadAtMs = readAtMs;
    this.keys = this.loader.load(records, this.keys);
    await this.rewrapper.rewrap(records);
  }

  private async firstKey<K>(loaded: () => readonly K[], kind: KeyKind): Promise<K> {
    if (loaded().length === 0) await this.make(kind);
    const key = loaded().at(-1);
    // A new key would log everybody out.
    if (key === undefined) throw noUsableKey(kind, this.keys);
    return key;
  }

  /** Makes the next signing key in the background. */
  private makeNextIfDue(keys = this.trusted.signers(this.keys)): void {
    const dueAtMs = nextKeyDueAtMs(keys, this.options.signing.rotationIntervalMs);
    if (dueAtMs === undefined || dueAtMs > this.clock.now() || this.making.has('dynamic')) return;
    this.make('dynamic').catch(() =>
      this.logger.warn('The next session key could not be made; the current one stays in use'),
    );
  }

  private make(kind: KeyKind): Promise<void> {
    const pending =
      this.making.get(kind) ??
      this.maker
        .makeNext(kind)
        .then(() => this.read())
        .finally(() => this.making.delete(kind));
    this.making.set(kind, pending);
    return pending;
  }
}
