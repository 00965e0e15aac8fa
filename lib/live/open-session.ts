import type { HeldRow } from '../store/session-outline.js';
import type { AccessTokenVerificationKey } from '../tokens/access-token.js';
import type { JudgedSession } from '../verification/known-revocations.js';
import type { Closing, LiveEnd } from '../verification/session-ends.js';

/** The manner in which a session is held. */
export interface Holding {
  /** Whether it ends with the access token. @default the option `live.until` */
  readonly untilToken?: boolean;
  readonly onStaleClaims?: () => void;
  readonly onRow?: (row: HeldRow) => void;
  /** Its closing releases the holder, unless the holder is about to be told of the end. */
  readonly scope?: Closing | undefined;
}

/** A holder of an open session, by the access token that it has shown. */
export interface Holder {
  readonly key: AccessTokenVerificationKey | undefined;
  /** When it ends regardless of the session, in milliseconds since the epoch. */
  endsAtMs: number;
  readonly tokenEndsAtMs: number;
  /** If it throws, or its promise rejects, the log says so. */
  readonly onEnd: (end: LiveEnd) => void;
  /** Called when the session's claims must be checked again. */
  readonly onStaleClaims: (() => void) | undefined;
  /** Called with the session's row, when that has been read. */
  readonly onRow?: ((row: HeldRow) => void) | undefined;
}

/** A session with at least one holder. */
export interface OpenSession extends JudgedSession {
  readonly holders: Set<Holder>;
  /** When its row must be checked, in milliseconds since the epoch: it may have ended then, or have other claims. */
  lookAtMs: number;
}

/** The open sessions of this instance, indexed for lookup. */
export class OpenSessionIndex {
  private readonly byHandle = new Map<string, OpenSession>();
  private readonly byUser = new Map<string, Set<OpenSession>>();

  get size(): number {
    return this.byHandle.size;
  }

  find(handle: string): OpenSession | undefined {
    return this.byHandle.get(handle);
  }

  ofUser(userId: string): Iterable<OpenSession> {
    return this.byUser.get(userId) ?? [];
  }

  all(): Iterable<OpenSession> {
    return this.byHandle.values();
  }

  held(): (readonly [OpenSession, Holder])[] {
    return [...this.all()].flatMap((session) =>
      [...session.holders].map((holder) => [session, holder] as const),
    );
  }

  /** The session among the open ones, from now on. */
  open(judged: JudgedSession, lookAtMs: number): OpenSession {
    const known = this.byHandle.get(judged.handle);
    if (known !== undefined) {
      known.lookAtMs = Math.min(known.lookAtMs, lookAtMs);
      return known;
    }
    const session = { ...judged, holders: new Set<Holder>(), lookAtMs };
    this.add(session);
    return session;
  }

  private add(session: OpenSession): void {
    this.byHandle.set(session.handle, session);
    const ofUser = this.byUser.get(session.userId);
    if (ofUser === undefined) this.byUser.set(session.userId, new Set([session]));
    else ofUser.add(session);
  }

  /** Forgets a holder, and the session with its last one. */
  release(session: OpenSession, holder: Holder): void {
    if (session.holders.delete(holder) && session.holders.size === 0) this.remove(session);
  }

  /** Forgets a session. @returns its holders */
  take(session: OpenSession): readonly Holder[] {
    const holders = [...session.holders];
    session.holders.clear();
    this.remove(session);
    return holders;
  }

  private remove(session: OpenSession): void {
    this.byHandle.delete(session.handle);
    const ofUser = this.byUser.get(session.userId);
    ofUser?.delete(session);
    if (ofUser?.size === 0) this.byUser.delete(session.userId);
  }
}
