import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Inject } from '@nestjs/common';
import { END_REASONS, type SessionEndReason } from '../events/end-reason.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { isLateReplacement } from '../revocation/new-revocation-rows.js';
import { isBefore } from '../revocation/revoked-sessions.js';
import type { RevocationRecord } from '../store/revocation-record.js';
import { RevocationStore } from '../store/revocation.store.js';
import { SessionDatabase } from '../store/session-database.js';
import type { SessionListing } from '../store/session-outline.js';
import type { SessionActor, SessionRecord } from '../store/session-record.js';
import { SessionStore } from '../store/session.store.js';
import { Clock } from '../time/clock.js';
import { sessionHandleCreatedAtMs } from '../tokens/session-handle.js';
import { keptDevice } from './device/device-info.js';
import { deviceName } from './device/device-name.js';
import { SessionDirectory } from './verify/session-directory.js';
import { readHandle } from './input/session-input.js';
import type { SessionPage } from './input/session-page.js';
import { SessionLife } from './verify/session-life.js';

/** The person who acts in a session as its user. @publicApi */
export interface ActorSummary {
  userId: string;
  /** Their own session. This one ends with it. */
  sessionHandle: string;
  /** The reason, in the actor's words. */
  reason: string;
}

/** A session as its user may see it. Times in milliseconds since the epoch. @publicApi */
export interface SessionSummary {
  sessionHandle: string;
  tenantId: string;
  timeCreated: number;
  /** The last refresh, or the login. */
  lastActive: number;
  /** When the session ends without another refresh. */
  expiry: number;
  /** Present if the session is bound to a key of its device (`deviceBinding`). */
  bound?: true;
  /** The data that the option `device` keeps; null if it keeps none. */
  device: {
    ip: string | null;
    userAgent: string | null;
    /** Such as "Chrome on Windows", if the application has installed `bowser`. */
    name: string | null;
  };
  /** The person who acts in the session as the user; absent in the user's own sessions. */
  actor?: ActorSummary;
}

/** How a session ended. @publicApi */
export interface SessionEnd {
  status: 'ended';
  reason: SessionEndReason;
  /** In milliseconds since the epoch. */
  at: number;
  /** The person who revoked it, or the token that a thief or a victim presented. */
  detail: string | null;
}

/** The state of a session, or how it ended. @publicApi */
export type SessionExplanation =
  | {
      status: 'live';
      /** Present if the session is bound to a key of its device. */
      bound?: true;
      /** The person who acts in the session, if not the user. */
      actor?: ActorSummary;
    }
  | SessionEnd
  /** Never existed, or ended longer ago than is kept. */
  | { status: 'unknown' };

// To read a user agent takes up to 0.2 ms, and a list may have thousands.
const SUMMARIES_PER_TURN = 25;

/** Describes sessions to users and support, without a token or a hash. */
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

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionOverview {
    const directory = this.directory.withDatabase(database);
    const life = this.life.withDatabase(database);
    return new SessionOverview(database, directory, life, this.clock, this.options);
  }

  async list(
    userId: unknown,
    tenantId?: unknown,
    { limit = Number.POSITIVE_INFINITY, before }: SessionPage = {},
  ): Promise<SessionSummary[]> {
    const found: SessionListing[] = [];
    for await (const page of this.directory.pagesOfUser(userId, tenantId, before)) {
      found.push(...page);
      if (found.length >= limit) break;
    }
    const summaries: SessionSummary[] = [];
    for (const each of found.slice(0, limit)) {
      summaries.push(await this.summaryOf(each));
      if (summaries.length % SUMMARIES_PER_TURN === 0) await nextTurn();
    }
    return summaries;
  }

  async explain(handle: unknown): Promise<SessionExplanation> {
    const known = readHandle(handle);
    if (known === undefined) return { status: 'unknown' };
    const record = await this.sessions.find(known);
    if (record !== undefined && !(await this.life.isOver(record))) {
      return { status: 'live', ...this.boundOf(record), ...actedIn(record) };
    }
    const end =
      (await this.storedEnd(known)) ??
      (record === undefined ? await this.endWithEveryone(known) : await this.unnotedEnd(record));
    const { endedSessionRetentionMs } = this.options;
    return end === undefined || end.at + endedSessionRetentionMs <= this.clock.now()
      ? { status: 'unknown' }
      : end;
  }

  // A key registered before the option was removed no longer binds anything.
  private boundOf({ deviceKey }: Pick<SessionRecord, 'deviceKey'>): { bound?: true } {
    return deviceKey === null || this.options.deviceBinding === false ? {} : { bound: true };
  }

  private async storedEnd(handle: string): Promise<SessionEnd | undefined> {
    const lines = await this.revocations.findEnds(handle);
    const line = lines.find((each) => !isLateReplacement(each));
    return line && endBy(line);
  }

  // `revokeEverything` writes one line for all sessions, not one for each.
  private async endWithEveryone(handle: string): Promise<SessionEnd | undefined> {
    const createdAtMs = sessionHandleCreatedAtMs(handle);
    const lines = await this.revocations.findCutOffsOfEveryone();
    // The tenant is gone with the row, so a cut-off of one tenant tells nothing about this session.
    const everyones = lines.filter(({ tenantId }) => tenantId === null);
    const line = everyones.find(({ cutOffAtMs }) => createdAtMs < (cutOffAtMs ?? 0));
    return line && endBy(line);
  }

  // The row of a session that is over: expired, or under a cut-off that has not deleted it yet, or overlooked its insert.
  private async unnotedEnd(record: SessionRecord): Promise<SessionEnd> {
    const { reason, atMs } = this.life.endByTime(record);
    const cutOffs = await this.revocations.findCutOffs(record.userId);
    const [first] = cutOffs
      .filter((line) => isBefore(record, line) && line.revokedAtMs < atMs)
      .toSorted((a, b) => a.revokedAtMs - b.revokedAtMs);
    if (first !== undefined) return endBy(first);
    const nowMs = this.clock.now();
    const detail = record.actor?.userId ?? null;
    if (atMs <= nowMs) return { status: 'ended', reason, at: atMs, detail };
    const isWithActor = record.actor !== null;
    const cause = isWithActor ? 'actor-ended' : 'revoked-all';
    return { status: 'ended', reason: cause, at: nowMs, detail };
  }

  private async summaryOf(record: SessionListing): Promise<SessionSummary> {
    const { handle, tenantId, createdAtMs, lastActiveAtMs, expiresAtMs } = record;
    const { ip, userAgent } = keptDevice(record, this.options, this.clock.now());
    return {
      sessionHandle: handle,
      tenantId,
      timeCreated: createdAtMs,
      lastActive: lastActiveAtMs,
      expiry: expiresAtMs,
      ...this.boundOf(record),
      device: { ip, userAgent, name: userAgent === null ? null : await deviceName(userAgent) },
      ...actedIn(record),
    };
  }
}

function actedIn({ actor }: { actor: SessionActor | null }): { actor?: ActorSummary } {
  if (actor === null) return {};
  return { actor: { userId: actor.userId, sessionHandle: actor.handle, reason: actor.reason } };
}

function endBy({ reason, revokedAtMs, detail }: RevocationRecord): SessionEnd {
  return { status: 'ended', reason: asReason(reason), at: revokedAtMs, detail };
}

function asReason(stored: string): SessionEndReason {
  return END_REASONS.find((reason) => reason === stored) ?? 'revoked';
}
