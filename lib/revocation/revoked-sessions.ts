import { sessionHandleCreatedAtMs } from '../tokens/session-handle.js';
import type { RevocationReason } from '../events/end-reason.js';
import type { JudgedSession } from '../verification/known-revocations.js';

/** One line of the revocation feed. Times in milliseconds since the epoch. */
export type Revocation =
  | {
      readonly kind: 'session';
      readonly handle: string;
      readonly reason: RevocationReason;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: 'cut-off';
      /** The user of the sessions; null means everyone. */
      readonly userId: string | null;
      /** The tenant of the sessions; null means all of them. */
      readonly tenantId: string | null;
      /** Sessions created before this are dead. */
      readonly cutOffAtMs: number;
      readonly reason: RevocationReason;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: 'stale-claims';
      readonly userId: string;
      /** Claims fetched before this must be fetched again. */
      readonly staleAtMs: number;
      readonly expiresAtMs: number;
    };

type CutOff = Extract<Revocation, { kind: 'cut-off' }>;

/** The revoked sessions that an access token may still name, in memory: one lookup per request, no query. */
export class RevokedSessions {
  private readonly handles = new Map<string, number>();
  private readonly userCutOffs = new Map<string, readonly CutOff[]>();
  private globalCutOffs: readonly CutOff[] = [];
  private allStale: { readonly staleAtMs: number; readonly expiresAtMs: number } | undefined;
  private readonly staleClaims = new Map<string, { staleAtMs: number; expiresAtMs: number }>();

  /** Adds a line. @returns whether it is news */
  add(revocation: Revocation): boolean {
    if (revocation.kind === 'session') {
      const known = this.handles.get(revocation.handle);
      this.handles.set(revocation.handle, Math.max(known ?? 0, revocation.expiresAtMs));
      return known === undefined;
    }
    if (revocation.kind === 'stale-claims') {
      const known = this.staleClaims.get(revocation.userId);
      if (known !== undefined && known.staleAtMs >= revocation.staleAtMs) return false;
      this.staleClaims.set(revocation.userId, revocation);
      return true;
    }
    const { userId } = revocation;
    const known = userId === null ? this.globalCutOffs : (this.userCutOffs.get(userId) ?? []);
    const cutOffs = withCutOff(known, revocation);
    if (cutOffs === known) return false;
    if (userId === null) this.globalCutOffs = cutOffs;
    else this.userCutOffs.set(userId, cutOffs);
    return true;
  }

  isRevoked(session: JudgedSession): boolean {
    if (this.handles.has(session.handle)) return true;
    if (this.globalCutOffs.length === 0 && this.userCutOffs.size === 0) return false;
    const ofUser = this.userCutOffs.get(session.userId);
    if (ofUser === undefined && this.globalCutOffs.length === 0) return false;
    return [...this.globalCutOffs, ...(ofUser ?? [])].some((cutOff) => isBefore(session, cutOff));
  }

  staleClaimsSinceMs(userId: string): number | undefined {
    const own = this.staleClaims.size === 0 ? undefined : this.staleClaims.get(userId)?.staleAtMs;
    return this.allStale === undefined ? own : Math.max(own ?? 0, this.allStale.staleAtMs);
  }

  /** Counts every claim that was fetched before this as stale, because lines were missed. */
  markAllClaimsStale(staleAtMs: number, expiresAtMs: number): void {
    this.allStale = { staleAtMs, expiresAtMs };
  }

  /** Forgets lines that are older than any valid access token. Cut-offs stay: see `forgetCutOffs`. */
  forgetExpired(nowMs: number): void {
    for (const [handle, expiresAtMs] of this.handles) {
      if (expiresAtMs <= nowMs) this.handles.delete(handle);
    }
    for (const [userId, { expiresAtMs }] of this.staleClaims) {
      if (expiresAtMs <= nowMs) this.staleClaims.delete(userId);
    }
    // The clock may have jumped ahead and back.
    const { staleAtMs = 0, expiresAtMs = 0 } = this.allStale ?? {};
    if (staleAtMs > nowMs || expiresAtMs <= nowMs) this.allStale = undefined;
  }

  /**
   * Forgets cut-offs that are older than any valid access token, except stored ones. The row of a session that was
   * committed late lives until its cut-off is pruned.
   *
   * @param stored all stored cut-offs. It is empty if rows are judged by the stored ones and not by this memory
   */
  forgetCutOffs(nowMs: number, stored: readonly Revocation[]): void {
    const known = [this.globalCutOffs, ...this.userCutOffs.values()].flat();
    this.globalCutOffs = [];
    this.userCutOffs.clear();
    for (const each of [...known.filter((cutOff) => cutOff.expiresAtMs > nowMs), ...stored]) {
      if (each.kind === 'cut-off') this.add(each);
    }
  }

  /** The number of lines in memory. */
  get size(): number {
    const cutOffs = [this.globalCutOffs, ...this.userCutOffs.values()].flat();
    return this.handles.size + cutOffs.length + this.staleClaims.size;
  }
}

/** Whether a session was created before a cut-off that applies to it. */
export function isBefore(
  session: JudgedSession,
  cutOff: Pick<CutOff, 'userId' | 'tenantId'> & { readonly cutOffAtMs: number | null },
): boolean {
  return (
    isMeantFor(session, cutOff) &&
    sessionHandleCreatedAtMs(session.handle) < (cutOff.cutOffAtMs ?? 0)
  );
}

/** Whether a cut-off applies to sessions of this user in this tenant. */
export function isMeantFor(
  session: Pick<JudgedSession, 'userId' | 'tenantId'>,
  cutOff: Pick<CutOff, 'userId' | 'tenantId'>,
): boolean {
  return (
    (cutOff.userId === null || cutOff.userId === session.userId) &&
    (cutOff.tenantId === null || cutOff.tenantId === session.tenantId)
  );
}

// Of several cut-offs for the same sessions, the latest covers the others; it also lives longest.
function withCutOff(known: readonly CutOff[], added: CutOff): readonly CutOff[] {
  const same = known.find((each) => each.tenantId === added.tenantId);
  if (same !== undefined && same.cutOffAtMs >= added.cutOffAtMs) return known;
  return [...known.filter((each) => each !== same), added];
}
