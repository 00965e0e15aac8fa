import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { isClosed } from '../session/container/closing.js';
import { accessTokenEndsAtMs } from '../session/mint/session-lifetime.js';
import { Clock } from '../time/clock.js';
import {
  accessTokenKid,
  isBoundToDevice,
  type AccessTokenVerificationKey,
} from '../tokens/access-token.js';
import { judgedActor, judgedSession } from '../verification/judged-session.js';
import {
  KNOWN_REVOCATIONS,
  type TellingRevocations,
  type RevocationNews,
} from '../verification/known-revocations.js';
import { LIVE_SESSIONS, type EndingSessions } from '../verification/live-sessions.js';
import type {
  Closing,
  HeldSession,
  LiveEnd,
  LiveEndReason,
  SessionEnds,
} from '../verification/session-ends.js';
import { VERIFICATION_KEYS, type VerificationKeys } from '../verification/verification-keys.js';
import { OpenSessionIndex, type Holder, type Holding, type OpenSession } from './open-session.js';
import { OpenSessionEndings } from './open-session-endings.js';
import { OpenSessionRows } from './open-session-rows.js';

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Knows which sessions are held open on this instance, and reports their end. It keeps nothing about other sessions,
 * and has no timer. It follows the news of revocations, which arrive in the turn in which they become known, and their
 * beat.
 */
@Injectable()
export class OpenSessions implements SessionEnds, OnApplicationShutdown {
  private readonly sessions = new OpenSessionIndex();
  private readonly endings: OpenSessionEndings;
  private readonly rows: OpenSessionRows;
  private readonly stopListening: () => void;
  private readonly keysInUse = new Set<AccessTokenVerificationKey>();
  // The earliest time at which one of them may end.
  private dueAtMs = NEVER;
  private looking: Promise<void> | undefined;

  constructor(
    @Inject(KNOWN_REVOCATIONS) private readonly revocations: TellingRevocations,
    @Inject(LIVE_SESSIONS) sessions: EndingSessions,
    @Inject(VERIFICATION_KEYS) private readonly keys: VerificationKeys,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {
    this.endings = new OpenSessionEndings(this.sessions, clock, options);
    this.rows = new OpenSessionRows(sessions, this.endings, clock, revocations);
    this.stopListening = revocations.onNews((news) => this.hear(news));
  }

  /** The number of open sessions. */
  get size(): number {
    return this.sessions.size;
  }

  /** Not before, because sessions also end while Nest waits for connections to close. */
  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    await this.looking;
  }

  watch(session: HeldSession, onEnd: (end: LiveEnd) => void, how: Holding = {}): Disposable {
    const { claims } = session;
    const tokenEndsAtMs = accessTokenEndsAtMs(claims, this.revocations);
    // No token outlives its session, so nobody has to check until then.
    const lookAtMs = this.rows.areThere ? tokenEndsAtMs : NEVER;
    const open = this.sessions.open(judgedSession(claims), lookAtMs);
    let ofActor: Disposable | undefined;
    let isOver = false;
    const holder: Holder = {
      key: this.keyOf(session),
      endsAtMs: this.isUntilToken(session, how) ? tokenEndsAtMs : NEVER,
      tokenEndsAtMs,
      onEnd: (end) => {
        // Its turn to be told may come after it has let go, or shown a newer token.
        if (isOver) return;
        isOver = true;
        ofActor?.[Symbol.dispose]();
        return onEnd(end);
      },
      onStaleClaims: how.onStaleClaims,
      onRow: how.onRow,
    };
    const isFirst = open.holders.size === 0;
    open.holders.add(holder);
    if (holder.key !== undefined) this.keysInUse.add(holder.key);
    this.dueAtMs = Math.min(this.dueAtMs, holder.endsAtMs, open.lookAtMs);
    const nowMs = this.clock.now();
    // It may have ended since it was verified. From here on, the news reports its end.
    if (this.revocations.isRevoked(open)) this.endings.end(open, 'revoked');
    else if (holder.key === undefined)
      this.endings.endHolders([[open, holder]], 'signing-key-revoked');
    else if (holder.endsAtMs <= nowMs) this.endings.endHolders([[open, holder]], 'token-expired');
    else
      ofActor = this.watchActor(session, () =>
        this.endings.endHolders([[open, holder]], 'actor-ended'),
      );
    // Its revocation may already be forgotten.
    if (isFirst && open.lookAtMs <= nowMs) void this.rows.lookAt([open]);
    const letGo = (): void => {
      isOver = true;
      this.sessions.release(open, holder);
      ofActor?.[Symbol.dispose]();
    };
    const release = (): unknown => open.holders.has(holder) && letGo();
    if (how.scope !== undefined && isClosed(how.scope)) release();
    else how.scope?.once('close', release);
    return { [Symbol.dispose]: letGo };
  }

  // An action in another's name ends with the actor's own session. Its token ends soon, so nobody checks the row.
  private watchActor({ claims }: HeldSession, onEnd: () => void): Disposable | undefined {
    const judged = judgedActor(claims);
    if (judged === undefined) return undefined;
    const actor = this.sessions.open(judged, NEVER);
    const holder: Holder = {
      key: undefined,
      endsAtMs: NEVER,
      tokenEndsAtMs: NEVER,
      onEnd,
      onStaleClaims: undefined,
    };
    actor.holders.add(holder);
    if (this.revocations.isRevoked(actor)) this.endings.end(actor, 'revoked');
    return { [Symbol.dispose]: () => this.sessions.release(actor, holder) };
  }

  signalOf(session: HeldSession, scope: Closing | undefined): AbortSignal {
    const controller = new AbortController();
    this.watch(session, ({ error }) => controller.abort(error), { scope });
    return controller.signal;
  }

  private keyOf({ accessToken }: HeldSession): Holder['key'] {
    return this.keys.findKnownKey(accessTokenKid(accessToken) ?? '');
  }

  // A bound session, or one of an impersonator, depends on its client's current token (RFC 7800, RFC 8693).
  private isUntilToken({ claims }: HeldSession, { untilToken }: Holding): boolean {
    if (isBoundToDevice(claims) || judgedActor(claims) !== undefined) return true;
    return untilToken ?? this.options.live.until === 'token';
  }

  private hear(news: readonly RevocationNews[]): void {
    if (this.sessions.size === 0) return;
    const ended = new Map<OpenSession, LiveEndReason>();
    for (const each of news) {
      if (each.kind !== 'session') this.hearOf(each);
      else {
        const session = this.sessions.find(each.handle);
        if (session !== undefined) ended.set(session, each.reason);
      }
    }
    if (ended.size > 0) this.endings.endAmong(ended.keys(), (session) => ended.get(session));
    this.endRevokedKeys();
    if (this.clock.now() >= this.dueAtMs) this.endDue();
  }

  private hearOf(news: Exclude<RevocationNews, { kind: 'session' }>): void {
    if (news.kind === 'gap') {
      this.dueAtMs = this.clock.now();
      for (const session of this.sessions.all()) {
        session.lookAtMs = this.dueAtMs;
        for (const { onStaleClaims } of session.holders) onStaleClaims?.();
      }
      return;
    }
    const { kind, userId } = news;
    if (kind === 'cut-off') {
      const meant = userId === null ? this.sessions.all() : this.sessions.ofUser(userId);
      const { reason } = news;
      this.endings.endAmong(meant, (each) =>
        this.revocations.isRevoked(each) ? reason : undefined,
      );
      return;
    }
    for (const { holders } of this.sessions.ofUser(userId)) {
      for (const { onStaleClaims } of holders) onStaleClaims?.();
    }
  }

  // Few keys sign the tokens of all sessions; the same object stands for a key until it is revoked.
  private endRevokedKeys(): void {
    for (const key of this.keysInUse) {
      if (this.keys.findKnownKey(key.kid) === key) continue;
      this.keysInUse.delete(key);
      const shown = this.sessions.held().filter(([, holder]) => holder.key === key);
      this.endings.endHolders(shown, 'signing-key-revoked');
    }
  }

  private endDue(): void {
    const nowMs = this.clock.now();
    const due: OpenSession[] = [];
    this.dueAtMs = NEVER;
    const expired: [OpenSession, Holder][] = [];
    for (const session of this.sessions.all()) {
      for (const holder of session.holders) {
        if (holder.endsAtMs <= nowMs) expired.push([session, holder]);
        else this.dueAtMs = Math.min(this.dueAtMs, holder.endsAtMs);
      }
      if (session.lookAtMs <= nowMs) due.push(session);
      else this.dueAtMs = Math.min(this.dueAtMs, session.lookAtMs);
    }
    if (expired.length > 0) this.endings.endHolders(expired, 'token-expired');
    if (due.length === 0) return;
    // A session that could not be checked is due again at the next beat.
    this.dueAtMs = nowMs;
    this.looking ??= this.rows.lookAt(due).finally(() => {
      this.looking = undefined;
    });
  }
}
