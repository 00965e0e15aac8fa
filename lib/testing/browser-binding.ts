import type { FakeBrowserAnswer } from './browser-exchange.js';
import { readInstructions, type ReadInstructions } from './browser-instructions.js';
import { BrowserKey } from './browser-key.js';

const MOST_CHALLENGES = 5;
const FREE_FAILURES = 3;
const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 480_000;

/** A browser's request for a refresh or a registration: an empty POST with these headers. */
export type AskServer = (
  path: string,
  headers: Readonly<Record<string, string>>,
) => Promise<FakeBrowserAnswer | undefined>;

/** Whether the site has signatures left; it counts one. */
export type TakeSignature = () => boolean;

/** The result of a refresh; `skipped` contains the waiting request's report of it. */
export type RefreshOutcome =
  'refreshed' | 'ended' | { readonly skipped: 'unreachable' | 'server_error' | 'quota_exceeded' };

/** A session for which a browser holds a key. */
export class BrowserBinding {
  /** The challenge of the next proof, if known. */
  challenge: string | undefined;
  private signed: { readonly challenge: string; readonly proof: string } | undefined;
  private failures = 0;
  private restsUntilMs = 0;

  private constructor(
    private readonly key: BrowserKey,
    readonly path: string,
    private instructions: ReadInstructions,
    private readonly now: () => number,
  ) {}

  /**
   * Makes a key and registers it.
   *
   * @returns the session, or the answer that creates none
   */
  static async register(
    offer: { readonly path: string; readonly challenge: string },
    ask: AskServer,
    now: () => number,
  ): Promise<BrowserBinding | { readonly failed: string; readonly answer?: FakeBrowserAnswer }> {
    const key = new BrowserKey();
    const proof = key.registration(offer.challenge);
    const answer = await ask(offer.path, { 'secure-session-response': proof });
    if (answer === undefined) return { failed: 'unreachable' };
    if (answer.status !== 200) return { failed: String(answer.status), answer };
    const instructions = readInstructions(answer.text);
    if (typeof instructions === 'string') return { failed: instructions, answer };
    const binding = new BrowserBinding(key, offer.path, instructions, now);
    binding.hear(answer);
    return binding;
  }

  get id(): string {
    return this.instructions.id;
  }

  get credentials(): ReadInstructions['credentials'] {
    return this.instructions.credentials;
  }

  get initiators(): readonly string[] {
    return this.instructions.initiators;
  }

  /** Takes a challenge for this session from an answer. */
  hear({ headers }: FakeBrowserAnswer): void {
    for (const [, challenge, id] of String(headers['secure-session-challenge'] ?? '').matchAll(
      /"([^"]*)"\s*;\s*id="([^"]*)"/g,
    )) {
      if (id === this.id) this.challenge = challenge;
    }
  }

  /** Refreshes: asks for a challenge if none is known, and proves the key. */
  async refresh(ask: AskServer, takeSignature: TakeSignature): Promise<RefreshOutcome> {
    if (this.now() < this.restsUntilMs) return { skipped: 'unreachable' };
    for (let challenges = 0; challenges <= MOST_CHALLENGES; challenges += 1) {
      const proof = this.proof(takeSignature);
      if (proof === 'none left') return { skipped: 'quota_exceeded' };
      const before = this.challenge;
      const headers = { 'sec-secure-session-id': this.id, ...proof };
      // If the network fails, once more with the same proof.
      const answer = (await ask(this.path, headers)) ?? (await ask(this.path, headers));
      if (answer === undefined) return { skipped: 'unreachable' };
      this.hear(answer);
      if (answer.status >= 500) return this.rest();
      this.failures = 0;
      if (answer.status === 200 || answer.status === 204) return this.renew(answer);
      const isChallenged = this.challenge !== undefined && this.challenge !== before;
      if (answer.status !== 403 || !isChallenged) return 'ended';
    }
    return 'ended';
  }

  private proof(takeSignature: TakeSignature): object | 'none left' {
    const { challenge } = this;
    if (challenge === undefined) return {};
    if (this.signed?.challenge !== challenge) {
      if (!takeSignature()) return 'none left';
      this.signed = { challenge, proof: this.key.refresh(challenge) };
    }
    return { 'secure-session-response': this.signed.proof };
  }

  private renew(answer: FakeBrowserAnswer): RefreshOutcome {
    if (answer.text === '') return 'refreshed';
    const instructions = readInstructions(answer.text);
    if (typeof instructions === 'string' || instructions.id !== this.id) return 'ended';
    this.instructions = instructions;
    return 'refreshed';
  }

  private rest(): RefreshOutcome {
    this.failures += 1;
    const past = this.failures - FREE_FAILURES;
    const restMs = past < 0 ? 0 : FIRST_BACK_OFF_MS * 1.5 ** past;
    this.restsUntilMs = this.now() + Math.min(LONGEST_BACK_OFF_MS, restMs);
    return { skipped: 'server_error' };
  }
}
