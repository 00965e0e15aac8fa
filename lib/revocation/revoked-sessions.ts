import { sessionHandleCreatedAtMs } from '../tokens/session-handle.js';
import type { JudgedSession } from '../verification/known-revocations.js';

/** One line of the revocation feed. Times in milliseconds since the epoch. */
export type Revocation =
  | { readonly kind: 'session'; readonly handle: string; readonly expiresAtMs: number }
  | {
      readonly kind: 'cut-off';
      /** Whose sessions; everyone's where it is null. */
      readonly userId: string | null;
      /** In which tenant; in all of them where it is null. */
      readonly tenantId: string | null;
      /** What was created before is dead. */
      readonly cutOffAtMs: number;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: 'stale-claims';
      readonly userId: string;
      /** Claims that were fetched before have to be fetched again. */
      readonly staleAtMs: number;
      readonly expiresAtMs: number;
    };

type CutOff = Extract<Revocation, { kind: 'cut-off' }>;

/** The revoked sessions that an access token may still speak for, in memory: one look-up a request, no query. */
export class RevokedSessions {
  private readonly handles = new Map<string, number>();
  private readonly userCutOffs = new Map<string, CutOff[]>();
  private globalCutOffs: CutOff[] = [];
  private readonly staleClaims = new Map<string, { staleAtMs: number; expiresAtMs: number }>();

  /** Takes up a line; one that is known already changes nothing. */
  add(revocation: Revocation): void {
    if (revocation.kind === 'session') {
      const known = this.handles.get(revocation.handle) ?? 0;
      this.handles.set(revocation.handle, Math.max(known, revocation.expiresAtMs));
    } else if (revocation.kind === 'stale-claims') {
      const known = this.staleClaims.get(revocation.userId);
      if (known === undefined || known.staleAtMs < revocation.staleAtMs) {
        this.staleClaims.set(revocation.userId, revocation);
      }
    } else if (revocation.userId === null) {
      this.globalCutOffs = withCutOff(this.globalCutOffs, revocation);
    } else {
      const known = this.userCutOffs.get(revocation.userId) ?? [];
      this.userCutOffs.set(revocation.userId, withCutOff(known, revocation));
    }
  }

  isRevoked(session: JudgedSession): boolean {
    if (this.handles.has(session.handle)) return true;
    if (this.globalCutOffs.length === 0 && this.userCutOffs.size === 0) return false;
    const ofUser = this.userCutOffs.get(session.userId);
    if (ofUser === undefined && this.globalCutOffs.length === 0) return false;
    return [...this.globalCutOffs, ...(ofUser ?? [])].some((cutOff) => isBefore(session, cutOff));
  }

  staleClaimsSinceMs(userId: string): number | undefined {
    return this.staleClaims.size === 0 ? undefined : this.staleClaims.get(userId)?.staleAtMs;
  }

  /**
   * Forgets lines that no valid access token can be older than; of the cut-offs only those that are not stored any more,
   * since the row of a session that was committed late lives until its cut-off is pruned.
   *
   * @param stored all that is stored, where all has been read
   */
  forgetExpired(nowMs: number, stored?: readonly Revocation[]): void {
    for (const [handle, expiresAtMs] of this.handles) {
      if (expiresAtMs <= nowMs) this.handles.delete(handle);
    }
    for (const [userId, { expiresAtMs }] of this.staleClaims) {
      if (expiresAtMs <= nowMs) this.staleClaims.delete(userId);
    }
    if (stored !== undefined) this.forgetCutOffs(nowMs, stored);
  }

  private forgetCutOffs(nowMs: number, stored: readonly Revocation[]): void {
    const known = [this.globalCutOffs, ...this.userCutOffs.values()].flat();
    this.globalCutOffs = [];
    this.userCutOffs.clear();
    for (const each of [...known.filter((cutOff) => cutOff.expiresAtMs > nowMs), ...stored]) {
      if (each.kind === 'cut-off') this.add(each);
    }
  }

  /** How many lines are held, for bounds and health. */
  get size(): number {
    return (
      this.handles.size + this.userCutOffs.size + this.globalCutOffs.length + this.staleClaims.size
    );
  }
}

/** Whether a session was created before a cut-off that is meant for it. */
export function isBefore(session: JudgedSession, cutOff: CutOff): boolean {
  return (
    isMeantFor(session, cutOff) && sessionHandleCreatedAtMs(session.handle) < cutOff.cutOffAtMs
  );
}

/** Whether a cut-off is meant for sessions of this user in this tenant. */
export function isMeantFor(
  session: Pick<JudgedSession, 'userId' | 'tenantId'>,
  cutOff: Pick<CutOff, 'userId' | 'tenantId'>,
): boolean {
  return (
    (cutOff.userId === null || cutOff.userId === session.userId) &&
    (cutOff.tenantId === null || cutOff.tenantId === session.tenantId)
  );
}

// Of several cut-offs for the same sessions the latest says it all; it also lives longest.
function withCutOff(known: readonly CutOff[], added: CutOff): CutOff[] {
  const same = known.find((each) => each.tenantId === added.tenantId);
  if (same !== undefined && same.cutOffAtMs >= added.cutOffAtMs) return [...known];
  return [...known.filter((each) => each !== same), added];
}
