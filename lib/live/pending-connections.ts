import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { SessionException } from '../errors/session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';

const WAITS_FOR_MS = 5_000;

/**
 * The connections that no gateway knows yet, and only for a few seconds. Those whose token can only come in their first
 * message are few.
 */
@Injectable()
export class PendingConnections implements BeforeApplicationShutdown {
  private readonly pending = new Map<object, { timer: NodeJS.Timeout; close: () => void }>();
  // Those that are being judged take no place among them: nobody without a token keeps them out.
  private readonly tokenless = new Set<object>();

  constructor(
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
    private readonly refusals: SessionRefusals,
  ) {}

  // No server knows a socket that waits, so none closes it.
  beforeApplicationShutdown(): void {
    for (const [connection, { close }] of this.pending) {
      this.remove(connection);
      close();
    }
  }

  /** How many wait for their token. */
  get size(): number {
    return this.tokenless.size;
  }

  /**
   * @param refusal reported if no token comes
   * @returns whether there is room for it
   */
  add(connection: object, refusal: SessionException, close: () => void): boolean {
    if (this.size >= this.options.live.pending) {
      this.refusals.report('handshake', refusal);
      return false;
    }
    this.tokenless.add(connection);
    this.wait(connection, close, () => this.refusals.report('handshake', refusal));
    return true;
  }

  /** The same for one that is being judged. Its refusal is reported by its judge. */
  addJudged(connection: object, close: () => void): void {
    this.wait(connection, close, () => undefined);
  }

  /** Sets another way to close a connection that still waits. */
  closeBy(connection: object, close: () => void): void {
    const waiting = this.pending.get(connection);
    if (waiting !== undefined) waiting.close = close;
  }

  has(connection: object): boolean {
    return this.pending.has(connection);
  }

  remove(connection: object): void {
    clearTimeout(this.pending.get(connection)?.timer);
    this.pending.delete(connection);
    this.tokenless.delete(connection);
  }

  private wait(connection: object, close: () => void, onLate: () => void): void {
    const timer = setTimeout(() => {
      const late = this.pending.get(connection);
      this.remove(connection);
      onLate();
      late?.close();
    }, WAITS_FOR_MS);
    timer.unref();
    this.pending.set(connection, { timer, close });
  }
}
