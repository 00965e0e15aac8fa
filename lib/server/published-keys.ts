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

  constructor(
    private readonly url: string,
    private readonly now: () => number,
  ) {}

  async find(kid: unknown): Promise<PublicKey | undefined> {
    const age = this.now() - this.askedAt;
    if (age >= (this.keys.has(kid) ? KEPT_MS : ASKED_EVERY_MS)) {
      this.askedAt = this.now();
      const answer = await fetch(this.url, UNCACHED);
      if (!answer.ok) throw failure(answer);
      const set = (await answer.json()) as { keys: PublicKey[] };
      this.keys = new Map(set.keys.map((key) => [key.kid, key]));
    }
    return this.keys.get(kid);
  }
}
