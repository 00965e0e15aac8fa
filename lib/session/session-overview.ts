import { Injectable, Inject } from '@nestjs/common';
import { REVOCATION_REASONS } from '../events/session-events.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RevocationStore } from '../store/revocation.store.js';
import { SessionDatabase } from '../store/session-database.js';
import type { SessionRecord } from '../store/session-record.js';
import { SessionStore } from '../store/session.store.js';
import { Clock } from '../time/clock.js';
import { sessionHandleCreatedAtMs } from '../tokens/session-handle.js';
import { keptDevice } from './device/device-info.js';
import { deviceName } from './device/device-name.js';
import { EXPIRY_REASONS, type SessionEndReason } from './end/revocation-rows.js';
import { SessionDirectory } from './verify/session-directory.js';
import { readHandle } from './input/session-input.js';
import { SessionLife } from './verify/session-life.js';

/** A session as its user may see it. Times in milliseconds since the epoch. @publicApi */
export interface SessionSummary {
  sessionHandle: string;
  tenantId: string;
  timeCreated: number;
  /** The last refresh, or the login. */
  lastActive: number;
  /** When it ends without another refresh. */
  expiry: number;
  /** What the option `device` keeps; null where it keeps nothing. */
  device: {
    ip: string | null;
    userAgent: string | null;
    /** Such as "Chrome on Windows", where the application has installed `bowser`. */
    name: string | null;
  };
}

/** How a session ended. @publicApi */
export interface SessionEnd {
  status: 'ended';
  reason: SessionEndReason;
  /** In milliseconds since the epoch. */
  at: number;
  /** Who revoked it, or what a thief or a victim presented. */
  detail: string | null;
}

/** How a session stands, or ended. @publicApi */
export type SessionExplanation =
  | { status: 'live' }
  | SessionEnd
  /** Never heard of, or longer ago than is kept. */
  | { status: 'unknown' };

/** Tells users and support of sessions, without a token or a hash. */
@Injectable()
export class SessionOverview {
  private readonly sessions: SessionStore;
  private readonly revocations: RevocationStore;

  constructor(
    database: SessionDatabase,
    private readonly directory: SessionDirectory,
    private readonly life: SessionLife,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.sessions = new SessionStore(database);
    this.revocations = new RevocationStore(database);
  }

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): SessionOverview {
    const directory = this.directory.withDatabase(database);
    const life = this.life.withDatabase(database);
    return new SessionOverview(database, directory, life, this.clock, this.options);
  }

  async list(userId: unknown, tenantId?: unknown): Promise<SessionSummary[]> {
    const found = await this.directory.ofUser(userId, tenantId);
    return Promise.all(found.map((record) => this.summaryOf(record)));
  }

  async explain(handle: unknown): Promise<SessionExplanation> {
    const known = readHandle(handle);
    if (known === undefined) return { status: 'unknown' };
    const record = await this.sessions.find(known);
    if (record !== undefined && !(await this.life.isOver(record))) return { status: 'live' };
    const end =
      (await this.storedEnd(known)) ??
      (record === undefined ? await this.endWithEveryone(known) : this.unnotedEnd(record));
    const { endedSessionRetentionMs } = this.options;
    return end === undefined || end.at + endedSessionRetentionMs <= this.clock.now()
      ? { status: 'unknown' }
      : end;
  }

  private async storedEnd(handle: string): Promise<SessionEnd | undefined> {
    const line = await this.revocations.findEnd(handle);
    return (
      line && {
        status: 'ended',
        reason: asReason(line.reason),
        at: line.revokedAtMs,
        detail: line.detail,
      }
    );
  }

  // `revokeEverything` leaves one line for all sessions, and none for each.
  private async endWithEveryone(handle: string): Promise<SessionEnd | undefined> {
    const createdAtMs = sessionHandleCreatedAtMs(handle);
    const lines = await this.revocations.findCutOffsOfEveryone();
    // Whose tenant it was is gone with the row, so a line of one tenant says nothing of it.
    const everyones = lines.filter(({ tenantId }) => tenantId === null);
    const line = everyones.find(({ cutOffAtMs }) => createdAtMs < (cutOffAtMs ?? 0));
    return (
      line && {
        status: 'ended',
        reason: 'revoked-everything',
        at: line.revokedAtMs,
        detail: null,
      }
    );
  }

  // The row of a session that is over: by its time, or by a cut-off that came before its insert was committed.
  private unnotedEnd(record: SessionRecord): SessionEnd {
    const { reason, atMs } = this.life.endByTime(record);
    const nowMs = this.clock.now();
    return atMs > nowMs
      ? { status: 'ended', reason: 'revoked-all', at: nowMs, detail: null }
      : { status: 'ended', reason, at: atMs, detail: null };
  }

  private async summaryOf(record: SessionRecord): Promise<SessionSummary> {
    const { handle, tenantId, createdAtMs, lastActiveAtMs, expiresAtMs } = record;
    const { ip, userAgent } = keptDevice(record, this.options, this.clock.now());
    return {
      sessionHandle: handle,
      tenantId,
      timeCreated: createdAtMs,
      lastActive: lastActiveAtMs,
      expiry: expiresAtMs,
      device: { ip, userAgent, name: userAgent === null ? null : await deviceName(userAgent) },
    };
  }
}

const REASONS: readonly SessionEndReason[] = [...REVOCATION_REASONS, ...EXPIRY_REASONS];

function asReason(stored: string): SessionEndReason {
  return REASONS.find((reason) => reason === stored) ?? 'revoked';
}
