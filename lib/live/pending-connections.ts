import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { SessionException } from '../errors/session.exception.js';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { MINUTE_MS, SECOND_MS } from '../time/units.js';

const TOKEN_WITHIN_MS = 5 * SECOND_MS;
// The database has its own, shorter time limit, but a claim of the application may hang.
const JUDGED_WITHIN_MS = MINUTE_MS;

/** @param error `undefined` if the client has shown no token in time */
type Close = (error?: SessionException) => void;

interface Pending {
  readonly timer: NodeJS.Timeout;
  close: Close;
}

/** The connections that no gateway knows yet. Those whose token can only come in their first message are few. */
@Injectable()
export class PendingConnections implements BeforeApplicationShutdown {
  private readonly pending = new Map<object, Pending>();
  // Those that are being judged take no place among them: nobody without a token keeps them out.
  private readonly tokenless = new Set<object>();

  constructor(
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
    private readonly refusals: SessionRefusals,
  ) {}

  // No server knows a socket that waits, so none closes it. Its session may be good: another instance will know.
  beforeApplicationShutdown(): void {
    for (const [connection, { close }] of this.pending) {
      this.remove(connection);
      close(new SessionStoreUnavailableException());
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
  add(connection: object, refusal: SessionException, close: Close): boolean {
    if (this.size >= this.options.live.pending) {
      const full = this.refusals.unauthorized('pending-limit', { clearTokens: false });
      this.refusals.report('handshake', full);
      return false;
    }
    this.tokenless.add(connection);
    this.wait(connection, close, TOKEN_WITHIN_MS, (closeNow) => {
      this.refusals.report('handshake', refusal);
      closeNow();
    });
    return true;
  }

  /** One that waits for its judge from now on, who reports a refusal in time. */
  addJudged(connection: object, close: Close): void {
    this.remove(connection);
    this.wait(connection, close, JUDGED_WITHIN_MS, (closeNow) => {
      // Its client does with this code what is right here too: it keeps its tokens, and tries again.
      const late = new SessionStoreUnavailableException({ reason: 'verification-timeout' });
      this.refusals.report('handshake', late);
      closeNow(late);
    });
  }

  /** Sets another way to close a connection that still waits. */
  closeBy(connection: object, close: Close): void {
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

  private wait(
    connection: object,
    close: Close,
    withinMs: number,
    onLate: (closeNow: Close) => void,
  ): void {
    const timer = setTimeout(() => {
      const late = this.pending.get(connection);
      this.remove(connection);
      if (late !== undefined) onLate(late.close);
    }, withinMs);
    timer.unref();
    this.pending.set(connection, { timer, close });
  }
}
