import { failure, UNCACHED } from './api-answers.js';
import { LIMIT_MS, within } from './time-limit.js';

/** A key that the API has published. */
type PublicKey = Readonly<Record<'kid' | 'kty', string>>;

const ASKED_EVERY_MS = 10_000;
// A revoked key is forgotten after this time.
const KEPT_MS = 300_000;
// While the API can't tell, a known key is good for longer, but not for ever: somebody may have revoked it.
const KEPT_IN_OUTAGE_MS = 3_600_000;
// How long a visitor waits for new keys if theirs is known. A healthy API answers sooner, so a key that was revoked while
// nobody came is refused.
const PATIENCE_MS = 1_000;

/** The API's public keys, which are asked for when a token names one. */
export class PublishedKeys {
  private keys = new Map<unknown, PublicKey>();
  /** When the last good answer was asked for. */
  private readAt = -Infinity;
  private askedAt = -Infinity;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly now: () => number,
  ) {}

  /** @throws {Error} if the API can't tell: the id may belong to a new key */
  async find(kid: unknown): Promise<PublicKey | undefined> {
    const age = this.now() - this.readAt;
    const isKnown = this.keys.has(kid);
    if (age >= (isKnown ? KEPT_MS : ASKED_EVERY_MS)) {
      if (isKnown && age < KEPT_IN_OUTAGE_MS) await this.tryToRenew();
      else await within(LIMIT_MS, this.ask());
    }
    return this.keys.get(kid);
  }

  private async tryToRenew(): Promise<void> {
    const sinceAsked = this.now() - this.askedAt;
    const isUnderWay = this.asking !== undefined && sinceAsked < PATIENCE_MS;
    if (!isUnderWay && sinceAsked < ASKED_EVERY_MS) return;
    await within(PATIENCE_MS, this.ask()).catch(() => undefined);
  }

  // All that need them meanwhile wait for one answer. Only a good one counts, so after an outage they are asked for anew.
  private ask(): Promise<void> {
    const now = this.now();
    if (this.asking === undefined || now - this.askedAt >= LIMIT_MS) {
      this.askedAt = now;
      const asking = this.read(now).finally(() => {
        if (this.asking === asking) this.asking = undefined;
      });
      this.asking = asking;
    }
    return this.asking;
  }

  private async read(askedAt: number): Promise<void> {
    const answer = await fetch(this.url, { ...UNCACHED, signal: AbortSignal.timeout(LIMIT_MS) });
    const text = await answer.text();
    if (!answer.ok) throw failure(answer);
    const set = JSON.parse(text) as { keys: PublicKey[] };
    // A late answer may have keys that were revoked since.
    if (askedAt < this.readAt) return;
    this.keys = new Map(set.keys.map((key) => [key.kid, key]));
    this.readAt = askedAt;
  }
}
