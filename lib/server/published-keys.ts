import { failure, UNCACHED } from './api-answers.js';

/** A key that the API has published. */
export type PublicKey = Readonly<Record<'kid' | 'kty', string>>;

const ASKED_EVERY_MS = 10_000;
// A revoked key is forgotten after this time.
const KEPT_MS = 300_000;

/** The API's public keys, which are asked for when a token names one. */
export class PublishedKeys {
  private keys = new Map<unknown, PublicKey>();
  private askedAt = -Infinity;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly now: () => number,
  ) {}

  /** @throws {Error} if the API can't tell: the id may belong to a new key */
  async find(kid: unknown): Promise<PublicKey | undefined> {
    const age = this.now() - this.askedAt;
    if (age >= (this.keys.has(kid) ? KEPT_MS : ASKED_EVERY_MS)) await this.ask();
    return this.keys.get(kid);
  }

  // All that need them meanwhile wait for one answer. Only a good one counts, so after an outage they are asked for anew.
  private ask(): Promise<void> {
    this.asking ??= this.read().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async read(): Promise<void> {
    const askedAt = this.now();
    const answer = await fetch(this.url, UNCACHED);
    const text = await answer.text();
    if (!answer.ok) throw failure(answer);
    const set = JSON.parse(text) as { keys: PublicKey[] };
    this.keys = new Map(set.keys.map((key) => [key.kid, key]));
    this.askedAt = askedAt;
  }
}
