import {
  mintRefreshToken,
  NO_PARENT_HASH,
  readRefreshToken,
} from '../../lib/tokens/refresh-token.js';
import type { RefreshTokenClaims } from '../../lib/tokens/refresh-token.js';
import { decideRotation, type RotationState } from '../../lib/tokens/rotation.js';
import { KEY } from './refresh-token-key.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';

/** One refresh in a script: when it is sent, how long its parts take, and what becomes of them. */
export interface Refresh {
  /** `browser`: the client's own, with a proof of its device and the cookies that its pages share. */
  readonly by: 'client' | 'thief' | 'browser';
  /** Since the one before it in the script. */
  readonly waitMs: number;
  readonly requestMs: number;
  /** From the reading of the row to the effect. */
  readonly serverMs: number;
  readonly answerMs: number;
  readonly fate: 'answered' | 'request lost' | 'server dies' | 'answer lost' | 'answered twice';
  /** From the answer to the writing of the confirmation; `undefined` where there is none. */
  readonly confirmedAfterMs: number | undefined;
  /** Which of its tokens a thief presents, counted from the newest. */
  readonly pick: number;
}

export interface Outcome {
  readonly decisions: readonly string[];
  /** The most often that one of the two had moved on when the other was still answered. */
  readonly movesOfOther: number;
  /** How many tokens somebody was given without a proof, once the session was bound. */
  readonly unprovenTokens: number;
}

const HANDLE = newSessionHandle(0);

/** Plays a script with real tokens against one row; `theftMs` is when a thief copies what the client then holds. */
export class RotationSimulation {
  private readonly decisions: string[] = [];
  private readonly agenda: { atMs: number; run: (nowMs: number) => void }[] = [];
  private readonly first = mint(0, NO_PARENT_HASH);
  private row: RotationState = { generation: 0, parentHash: NO_PARENT_HASH, confirmedAtMs: null };
  private readonly held = { client: [this.first], thief: new Array<string>() };
  private readonly newest = { client: 0, thief: 0 };
  private readonly moves = { client: 0, thief: 0 };
  private movesOfOther = 0;
  private unprovenTokens = 0;
  private isBound = false;

  /** @param boundAtMs when the browser binds the session. @default never */
  constructor(
    private readonly gracePeriodMs: number,
    boundAtMs?: number,
  ) {
    if (boundAtMs !== undefined) this.at(boundAtMs, () => (this.isBound = true));
  }

  play(script: readonly Refresh[], theftMs?: number): Outcome {
    if (theftMs !== undefined) this.at(theftMs, () => this.steal());
    let sentAtMs = 0;
    for (const refresh of script) {
      sentAtMs += refresh.waitMs;
      this.at(sentAtMs, (nowMs) => this.send(refresh, nowMs));
    }
    for (let next = this.agenda.shift(); next !== undefined; next = this.agenda.shift()) {
      next.run(next.atMs);
      if (this.decisions.at(-1) === 'reuse') break;
    }
    const { decisions, movesOfOther, unprovenTokens } = this;
    return { decisions, movesOfOther, unprovenTokens };
  }

  private at(atMs: number, run: (nowMs: number) => void): void {
    const position = this.agenda.findIndex((other) => other.atMs > atMs);
    this.agenda.splice(position === -1 ? this.agenda.length : position, 0, { atMs, run });
  }

  private steal(): void {
    this.held.thief = this.held.client.slice(-1);
    this.newest.thief = this.held.thief.map((token) => claimsOf(token).generation)[0] ?? 0;
    this.moves.client = 0;
  }

  private send(refresh: Refresh, nowMs: number): void {
    const held = this.held[holderOf(refresh)];
    const token = refresh.by === 'thief' ? held.at(-1 - (refresh.pick % held.length)) : held.at(-1);
    if (token === undefined || refresh.fate === 'request lost') return;
    this.at(nowMs + refresh.requestMs, (at) => this.decide(token, refresh, at, refresh.serverMs));
  }

  private decide(token: string, refresh: Refresh, nowMs: number, serverMs: number): void {
    const claims = claimsOf(token);
    const read = this.row;
    const decision = decideRotation(claims, read, this.gracePeriodMs, nowMs);
    this.decisions.push(decision);
    if (decision === 'reuse') return;
    const wasBound = this.isBound;
    // It may get an access token that ends with the one it has, and nothing changes.
    if (wasBound && refresh.by !== 'browser') return;
    const other = refresh.by === 'thief' ? 'client' : 'thief';
    this.movesOfOther = Math.max(this.movesOfOther, this.moves[other]);
    if (refresh.fate === 'server dies') return;
    this.at(nowMs + serverMs, (at) => {
      const isOutdated = this.row.parentHash !== read.parentHash || this.isBound !== wasBound;
      if (decision === 'rotate' && isOutdated) {
        this.decide(token, refresh, at, 0);
      } else if (decision === 'rotate') {
        const parentHash = claims.hash;
        if (this.isBound && refresh.by !== 'browser') this.unprovenTokens += 1;
        this.row = { generation: read.generation + 1, parentHash, confirmedAtMs: null };
        this.answer(mint(this.row.generation, parentHash), refresh, at);
      } else if (decision === 'sibling') {
        this.answer(mint(read.generation, read.parentHash), refresh, at);
      } else if (read.confirmedAtMs === null) {
        this.confirm(read.parentHash, at);
        this.answer(token, refresh, at);
      }
    });
  }

  private answer(token: string, refresh: Refresh, nowMs: number): void {
    const { answerMs, fate, confirmedAfterMs } = refresh;
    const by = holderOf(refresh);
    const { generation, parentHash } = claimsOf(token);
    if (parentHash === this.row.parentHash && generation > this.newest[by]) {
      this.newest[by] = generation;
      this.moves[by] += 1;
    }
    if (fate === 'answer lost') return;
    const receive = () => this.held[by].push(token);
    const receivedAtMs = nowMs + answerMs;
    this.at(receivedAtMs, receive);
    if (fate === 'answered twice') this.at(nowMs + Math.floor(answerMs / 2), receive);
    if (confirmedAfterMs === undefined) return;
    this.at(receivedAtMs + confirmedAfterMs, (at) => this.confirm(parentHash, at));
  }

  private confirm(parentHash: string, nowMs: number): void {
    if (this.row.parentHash !== parentHash || this.row.confirmedAtMs !== null) return;
    this.row = { ...this.row, confirmedAtMs: nowMs };
  }
}

function holderOf({ by }: Refresh): 'client' | 'thief' {
  return by === 'thief' ? 'thief' : 'client';
}

function mint(generation: number, parentHash: string): string {
  return mintRefreshToken({ sessionHandle: HANDLE, generation, parentHash }, KEY).token;
}

function claimsOf(token: string): RefreshTokenClaims {
  const reading = readRefreshToken(token, () => KEY);
  if (!reading.ok) throw new Error(`A token of our own is refused: ${reading.reason}`);
  return reading.claims;
}
