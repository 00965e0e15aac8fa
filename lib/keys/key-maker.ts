import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { Logger } from '@nestjs/common';
import type { SessionEventBus } from '../events/session-event-bus.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import type { ClockCorrection } from '../store/clock-correction.js';
import type { SigningKeyRecord, SigningKeyStore } from '../store/signing-key.store.js';
import type { Clock } from '../time/clock.js';
import { unreadableKey, type KeyKind, type KeyLoader } from './key-loader.js';
import { newKeyId, newPrivateKey, newSecret } from './key-material.js';
import {
  activeKey,
  isPastUse,
  nextKeyDueAtMs,
  publicationLeadMs,
  signsUntilMs,
  type KeyTimes,
} from './key-schedule.js';
import { keyTimes } from './trusted-keys.js';

const KINDS: readonly KeyKind[] = ['dynamic', 'static', 'mac'];
const KEY_ID_PREFIX = { dynamic: 'd', static: 's', mac: 'm' } as const;
// Another instance can take a slot at the same moment, but only the next one or two.
const SLOT_ATTEMPTS = 5;
// An instance that has not seen a key past use takes the loss of its row for a revocation.
const KEPT_PAST_USE_MS = 10 * 60_000;

/** Makes and removes the server's keys. A unique slot decides which instance's key is used. */
export class KeyMaker {
  private readonly logger = new Logger('SessionModule');
  private readonly times: KeyTimes;

  constructor(
    private readonly store: SigningKeyStore,
    private readonly loader: KeyLoader,
    private readonly events: SessionEventBus,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    private readonly options: ResolvedSessionOptions,
  ) {
    this.times = keyTimes(options);
  }

  /** Makes the first key of a kind, or the next one if it is due. */
  async makeNext(kind: KeyKind): Promise<void> {
    const rows = await this.rowsInTime();
    const readable = this.loader.readable(rows);
    if (this.isOutsider(rows)) return;
    const rivals = inOrder(rows, kind, this.algorithmOf(kind));
    if (rivals.length === 0) {
      await this.insert(kind, 1, 0);
      return;
    }
    const ours = inOrder(readable, kind, this.algorithmOf(kind));
    const dueAtMs = nextKeyDueAtMs(ours, this.options.signing.rotationIntervalMs);
    if (kind === 'dynamic' && dueAtMs !== undefined && dueAtMs <= this.clock.now()) {
      await this.insert(kind, nextSequence(rivals), this.leadBehind(ours, readable));
      // Reads the rows again: the new key retires the one before it later than keys of other algorithms alone would.
      await this.deletePastUse(await this.store.findAll(), { keptMs: KEPT_PAST_USE_MS });
    }
  }

  /** Makes another secret for new refresh tokens, used once all instances have read it. @returns its key id */
  async addRefreshTokenSecret(): Promise<string> {
    return this.insertInNextSlot('mac', [], this.leadMs);
  }

  /**
   * Deletes a key. If it was in use, a new one replaces it at once.
   *
   * @returns whether it existed
   */
  async replace(kid: string): Promise<boolean> {
    const rows = await this.rowsInTime();
    const revoked = rows.find((row) => row.kid === kid);
    if (revoked === undefined) return false;
    // First, because they would come back to life if the database went away in between.
    if (revoked.kind === 'dynamic') await this.deletePastUse(rows, { besides: kid });
    if (!(await this.store.delete(kid))) return false;
    this.logger.warn(`The session key ${kid} was revoked`);
    this.events.emit('keyRevoked', { kid, atMs: this.clock.now() });
    const kind = KINDS.find((each) => each === revoked.kind);
    if (kind === undefined || revoked.algorithm !== this.algorithmOf(kind)) return true;
    const nowMs = this.clock.now();
    const wasInUse = [rows, this.loader.readable(rows)].some(
      (each) => activeKey(inOrder(each, kind, revoked.algorithm), nowMs)?.kid === kid,
    );
    if (wasInUse) await this.insertInNextSlot(kind, [revoked], 0);
    return true;
  }

  // An instance with a wrong `encryptionKey` opens none of the keys and makes none. Its rows would be nobody else's.
  private isOutsider(rows: readonly SigningKeyRecord[]): boolean {
    return rows.length > 0 && this.loader.readable(rows).length === 0;
  }

  // By a clock that has jumped ahead, a new key would be used only then, and one in use would pass for an old one.
  private async rowsInTime(): Promise<SigningKeyRecord[]> {
    await this.clockCorrection.measureWhenDue();
    return this.store.findAll();
  }

  // Otherwise an old key would come back to life when its successor is revoked. A row that can't be opened here succeeds
  // none, because nothing here signs with it.
  private async deletePastUse(
    rows: readonly SigningKeyRecord[],
    { keptMs = 0, besides }: { readonly keptMs?: number; readonly besides?: string } = {},
  ): Promise<void> {
    const dynamic = dynamicInOrder(this.loader.readable(rows));
    for (const row of dynamic) {
      if (row.kid !== besides && isPastUse(row, dynamic, this.times, this.clock.now() - keptMs)) {
        await this.store.delete(row.kid);
      }
    }
  }

  // Where the key of before may not sign any more, the next one can't wait until every instance has seen it.
  private leadBehind(
    rivals: readonly SigningKeyRecord[],
    rows: readonly SigningKeyRecord[],
  ): number {
    const dynamic = dynamicInOrder(rows);
    const { rotationIntervalMs } = this.times;
    const canSign = rivals.some(
      (row) => this.clock.now() < signsUntilMs(row, dynamic, rotationIntervalMs),
    );
    return canSign ? this.leadMs : 0;
  }

  private async insertInNextSlot(
    kind: KeyKind,
    gone: readonly SigningKeyRecord[],
    leadMs: number,
  ): Promise<string> {
    for (let attempt = 0; attempt < SLOT_ATTEMPTS; attempt += 1) {
      const rows = await this.rowsInTime();
      // Only a key that was revoked has a successor there too: its encryption key may be lost.
      if (gone.length === 0 && this.isOutsider(rows)) throw unreadableKey(kind);
      const rivals = inOrder(rows, kind, this.algorithmOf(kind));
      const kid = await this.insert(kind, nextSequence([...gone, ...rivals]), leadMs);
      if (kid !== undefined) return kid;
    }
    throw new SessionStoreUnavailableException({ cause: new Error(`no slot for a ${kind} key`) });
  }

  private get leadMs(): number {
    return publicationLeadMs(this.options.signing.rotationIntervalMs);
  }

  private algorithmOf(kind: KeyKind): 'HS256' | 'ES256' | 'RS256' {
    return kind === 'mac' ? 'HS256' : this.options.signing.algorithm;
  }

  /**
   * @param leadMs how long it is published before it signs
   * @returns the new key's id; `undefined` if another instance has taken the slot
   */
  private async insert(
    kind: KeyKind,
    sequence: number,
    leadMs: number,
  ): Promise<string | undefined> {
    const algorithm = this.algorithmOf(kind);
    const material = algorithm === 'HS256' ? newSecret() : await newPrivateKey(algorithm);
    // After that: a key that others see later than it is active would retire theirs before they know.
    const nowMs = this.clock.now();
    const record = {
      kid: newKeyId(KEY_ID_PREFIX[kind]),
      realm: this.options.realm,
      kind,
      algorithm,
      sequence,
      createdAtMs: nowMs,
      activeAtMs: nowMs + leadMs,
    };
    const isOurs = await this.store.insertIntoSlot(this.loader.seal(record, material));
    if (!isOurs) return undefined;
    this.events.emit('keyMade', { kid: record.kid, kind, atMs: record.createdAtMs });
    return record.kid;
  }
}

function inOrder(
  rows: readonly SigningKeyRecord[],
  kind: KeyKind,
  algorithm: string,
): SigningKeyRecord[] {
  return rows
    .filter((row) => row.kind === kind && row.algorithm === algorithm)
    .toSorted(byActivation);
}

function dynamicInOrder(rows: readonly SigningKeyRecord[]): SigningKeyRecord[] {
  return rows.filter(({ kind }) => kind === 'dynamic').toSorted(byActivation);
}

function byActivation(a: SigningKeyRecord, b: SigningKeyRecord): number {
  return a.activeAtMs - b.activeAtMs;
}

function nextSequence(rows: readonly SigningKeyRecord[]): number {
  return Math.max(0, ...rows.map((row) => row.sequence)) + 1;
}
