import { askApi, failure } from './api-answers.js';
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
  /** When the last good answer was asked for, and as which. */
  private readAt = -Infinity;
  private turnRead = 0;
  private askedAt = -Infinity;
  private turn = 0;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly now: () => number,
  ) {}

  /** @throws {Error} if the API can't tell: the id may belong to a new key */
  async find(kid: unknown): Promise<PublicKey | undefined> {
    const age = this.since(this.readAt);
    const waited = this.since(this.askedAt);
    const isKnown = this.keys.has(kid);
    if (age >= (isKnown ? KEPT_MS : ASKED_EVERY_MS)) {
      if (!isKnown || age >= KEPT_IN_OUTAGE_MS) await within(LIMIT_MS, this.ask());
      else if (waited >= ASKED_EVERY_MS || (waited < PATIENCE_MS && this.asking)) {
        await within(PATIENCE_MS, this.ask()).catch(() => undefined);
      }
    }
    return this.keys.get(kid);
  }

  // All that need them meanwhile wait for one answer. Only a good one counts, so after an outage they are asked for anew.
  private ask(): Promise<void> {
    if (!this.asking || this.since(this.askedAt) >= LIMIT_MS) {
      this.askedAt = this.now();
      this.turn += 1;
      const asking = this.read(this.askedAt, this.turn).finally(() => {
        if (this.asking === asking) this.asking = undefined;
      });
      this.asking = asking;
    }
    return this.asking;
  }

  // A clock may go back.
  private since(timeMs: number): number {
    return Math.abs(this.now() - timeMs);
  }

  private async read(askedAt: number, turn: number): Promise<void> {
    const [answer, text] = await askApi(this.url);
    if (!answer.ok) throw failure(answer);
    const { keys } = JSON.parse(text) as { keys: PublicKey[] };
    // A late answer may have keys that were revoked since.
    if (turn < this.turnRead) return;
    this.turnRead = turn;
    this.keys = new Map(keys.map((key) => [key.kid, key]));
    this.readAt = askedAt;
  }
}
