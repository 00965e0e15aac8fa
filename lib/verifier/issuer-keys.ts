import { Inject, Injectable, Logger } from '@nestjs/common';
import { SessionIssuerUnavailableException } from '../errors/session-issuer-unavailable.exception.js';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import { placeOfIssuer } from '../options/verification-options.js';
import { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import type { AccessTokenVerificationKey } from '../tokens/access-token.js';
import { ReadingOnDemand } from '../time/reading-on-demand.js';
import type { VerificationKeys } from '../verification/verification-keys.js';
import { IssuerClient, IssuerFault } from './issuer-client.js';
import { IssuerFailures } from './issuer-failures.js';
import { ListedKeys } from './listed-keys.js';
import { openPublishedKey, readJwks, type PublishedKey } from './published-keys.js';
import {
  RESOLVED_VERIFIER_OPTIONS,
  type ResolvedVerifierOptions,
} from './resolve-verifier-options.js';

// All instances of an issuer know a new key by then, so a key that none of them lists is no longer valid.
const LISTED_AFTER_MS = 15_000;
// Without news from the feed, its last list tells nothing.
const LIST_HOLDS_MS = 60_000;
const MOST_BYTES = 1_048_576;

interface KnownKey extends PublishedKey {
  readonly loadedAtMs: number;
  /** Whether the feed has named it. */
  isListed: boolean;
  /** Opened when a token first names it, because a thousand at once would block the service. */
  opened?: AccessTokenVerificationKey | 'none';
}

/** The issuer's keys, found through its discovery document and cached. */
@Injectable()
export class IssuerKeys implements VerificationKeys {
  private readonly logger = new Logger('SessionVerifierModule');
  private readonly failures = new IssuerFailures('keys');
  private readonly task: IntervalTask;
  private keys = new Map<string, KnownKey>();
  private jwksUrl: string | undefined;
  private loading: Promise<void> | undefined;
  private confirmedAtMs = Number.NEGATIVE_INFINITY;
  private readonly unknownKeyReading = new ReadingOnDemand(this.clock, () => this.load());
  private readonly listed = new ListedKeys();
  private listedUpToMs = Number.NEGATIVE_INFINITY;
  private isBlind = false;

  constructor(
    private readonly client: IssuerClient,
    private readonly clock: Clock,
    @Inject(RESOLVED_VERIFIER_OPTIONS) private readonly options: ResolvedVerifierOptions,
  ) {
    this.task = new IntervalTask(
      options.keys.reloadIntervalMs,
      () => this.load(),
      () => undefined,
    );
  }

  /**
   * Reads the keys for the first time. The service starts even if the issuer is away, and answers requests with 503.
   */
  async start(): Promise<void> {
    await this.load().catch(() => undefined);
    this.task.start();
  }

  async stop(): Promise<void> {
    await this.task.stop();
  }

  /** @throws {SessionIssuerUnavailableException} if the keys are too old to be trusted */
  findVerificationKey(kid: string): AccessTokenVerificationKey | undefined {
    if (this.areTooOld) throw new SessionIssuerUnavailableException();
    return this.findKnownKey(kid);
  }

  findKnownKey(kid: string): AccessTokenVerificationKey | undefined {
    const known = this.keys.get(kid);
    if (known === undefined || this.listed.isDropped(kid)) return undefined;
    known.opened ??= openPublishedKey(known) ?? 'none';
    return known.opened === 'none' ? undefined : known.opened;
  }

  get areTooOld(): boolean {
    return this.ageMs > this.options.keys.maxStalenessMs;
  }

  /** @throws {SessionIssuerUnavailableException} if they can't be read: the id may belong to a new key */
  async reloadForUnknownKey(): Promise<void> {
    try {
      await (this.unknownKeyReading.next() ?? this.loading);
    } catch (cause) {
      throw new SessionIssuerUnavailableException({ cause });
    }
    if (this.isBlind || this.areTooOld) throw new SessionIssuerUnavailableException();
  }

  /**
   * Records which keys the issuer trusts, according to its feed. A key that it no longer names is refused at once.
   *
   * @param atMs when the issuer's instance began to read them
   */
  list(atMs: number, ids: readonly string[]): void {
    if (this.listed.take(atMs, ids, this.clock.now())) {
      const isNew = ids.some((kid) => !this.keys.has(kid) && !this.listed.isDropped(kid));
      if (isNew) void this.load().catch(() => undefined);
    }
    this.confirmList();
  }

  /** Whether the issuer's next list is needed even if nothing has changed, because it decides about a key. */
  get isListNeeded(): boolean {
    return this.listed.isUndecided;
  }

  /** Confirms the list, because the issuer reports no change. */
  confirmList(): void {
    const nowMs = this.clock.now();
    // A list alone gives no keys.
    if (Number.isFinite(this.confirmedAtMs)) this.confirmedAtMs = nowMs;
    this.listedUpToMs = nowMs;
    for (const [kid, key] of this.keys) {
      const isDue = key.isListed || nowMs - key.loadedAtMs > LISTED_AFTER_MS;
      if (this.listed.has(kid)) key.isListed = true;
      // A key that comes back has to be the same object, because remembered tokens name it.
      else if (isDue && !this.listed.drop(kid, nowMs)) this.keys.delete(kid);
    }
  }

  /** How long ago the issuer last reported its keys, in milliseconds; `Infinity` if they have never been read. */
  get ageMs(): number {
    return Math.abs(this.clock.now() - this.confirmedAtMs);
  }

  private load(): Promise<void> {
    this.loading ??= this.read()
      .then(() => {
        this.isBlind = false;
        this.failures.end();
      })
      .catch((error: unknown) => {
        this.jwksUrl = undefined;
        this.isBlind = true;
        this.failures.tell(error);
        throw error;
      })
      .finally(() => {
        this.loading = undefined;
      });
    return this.loading;
  }

  private async read(): Promise<void> {
    this.jwksUrl ??= await this.discover();
    const { json } = await this.client.get(this.jwksUrl, NO_CACHE, MOST_BYTES);
    const published = readJwks(json);
    if (published === undefined) throw new IssuerFault('its keys are not a JWKS');
    for (const problem of published.problems) this.logger.error(`The issuer’s keys: ${problem}`);
    this.take(published.keys);
  }

  private take(published: ReadonlyMap<string, PublishedKey>): void {
    const nowMs = this.clock.now();
    // Of several instances, one may not know the newest key yet. The feed shows which of them knows more.
    const isListed = Math.abs(nowMs - this.listedUpToMs) < LIST_HOLDS_MS;
    const keys = new Map(isListed ? this.keys : []);
    for (const [kid, key] of published) {
      if (this.listed.isDropped(kid)) continue;
      const known = this.keys.get(kid);
      const isSame = known?.text === key.text;
      keys.set(kid, isSame ? known : { ...key, loadedAtMs: nowMs, isListed: this.listed.has(kid) });
    }
    this.keys = keys;
    this.confirmedAtMs = nowMs;
  }

  private async discover(): Promise<string> {
    const { issuer, url } = this.options;
    const place = `${url}/${BUILT_IN_ROUTES.openIdConfiguration}`;
    const { json } = await this.client.get(place, NO_CACHE, MOST_BYTES);
    const found = json as { issuer?: unknown; jwks_uri?: unknown } | null;
    if (found?.issuer !== issuer) throw new IssuerFault(`${place} names another issuer`);
    const { jwks_uri: jwksUrl } = found;
    if (typeof jwksUrl !== 'string' || !URL.canParse(jwksUrl)) {
      throw new IssuerFault(`${place} does not say where its keys are`);
    }
    const { protocol } = new URL(jwksUrl);
    if (protocol !== 'https:' && protocol !== new URL(issuer).protocol) {
      throw new IssuerFault(
        `${place} gives an address for its keys that anyone on the network path can change`,
      );
    }
    const named = placeOfIssuer(issuer);
    return jwksUrl.startsWith(`${named}/`) ? url + jwksUrl.slice(named.length) : jwksUrl;
  }
}

const NO_CACHE = { accept: 'application/json', 'cache-control': 'no-cache' };
