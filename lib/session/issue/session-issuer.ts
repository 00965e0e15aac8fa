import { Injectable, Inject } from '@nestjs/common';
import { buildClaims } from '../../claims/build-claims.js';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { isMeantFor } from '../../revocation/revoked-sessions.js';
import { SessionDatabase } from '../../store/session-database.js';
import { newSessionRecord, type SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { newSessionHandle } from '../../tokens/session-handle.js';
import { RegisteredClaims } from '../edit/registered-claims.js';
import { NO_DEVICE } from '../device/device-info.js';
import { checkFlag } from '../input/function-arguments.js';
import {
  checkAccessTokenPayload,
  checkSessionData,
  checkTenantId,
  checkUserId,
} from '../input/session-input.js';
import { sessionExpiresAtMs } from '../mint/session-lifetime.js';
import { insertActedIn } from './insert-acted-in.js';
import { countsFromMs } from './login-standing.js';
import { noteLateReplacements } from './note-late-replacements.js';
import { SessionLimit } from './session-limit.js';
import type { SessionRequest } from './session-request.js';
import type { LoginUnderWay } from '../end/logins-under-way.js';
import { SessionRevoker, type EndedSessions } from '../end/session-revoker.js';
import { SessionLife } from '../verify/session-life.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import type { MintedTokens } from '../mint/minted-tokens.js';

/** A session's row and the tokens for its client. */
export interface IssuedSession {
  readonly record: SessionRecord;
  readonly tokens: MintedTokens;
  /** The handles of the sessions that it has replaced, or that the limit has ended for it. */
  readonly ended?: readonly string[];
}

/** Creates sessions: checks its arguments, makes the tokens, and only then writes the row. */
@Injectable()
export class SessionIssuer {
  private readonly store: SessionStore;

  constructor(
    private readonly database: SessionDatabase,
    private readonly minter: SessionTokenMinter,
    private readonly revoker: SessionRevoker,
    private readonly events: SessionEventBus,
    private readonly limit: SessionLimit,
    private readonly registry: RegisteredClaims,
    private readonly life: SessionLife,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.store = new SessionStore(database);
  }

  /**
   * @throws {SessionInputException} {SessionLimitException} and writes nothing
   * @throws {UnauthorizedSessionException} (401) if a cut-off has overtaken the login; it writes nothing
   * @throws {SessionStoreUnavailableException}
   */
  async issue(request: SessionRequest): Promise<IssuedSession> {
    const made = this.newRecord(request);
    const record = await this.withClaims(made);
    const refresh = await this.minter.refreshTokenFor(record);
    const { withAntiCsrfToken, isBindingOffered } = request;
    const tokens = await this.minter.tokensFor(
      record,
      refresh,
      withAntiCsrfToken,
      isBindingOffered,
    );
    const replaced = request.replacedHandles ?? [];
    await this.refuseOvertaken(record, request.login);
    let outnumbered: readonly string[] = [];
    if (request.impersonation === undefined) {
      const places = await this.limit.refuseIfFull(record, replaced);
      const ended = await this.insertInPlaceOf(replaced, record);
      // In the place of another, it is not one more, and a refusal would leave the user without either.
      if (!ended.some((handle) => places.includes(handle)))
        outnumbered = await this.makeRoomFor(record);
    } else {
      const { database, revoker } = this;
      await insertActedIn(database, revoker, record, request.impersonation, replaced);
    }
    this.tellOf(record);
    return { record, tokens, ended: [...replaced, ...outnumbered] };
  }

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionIssuer {
    return new SessionIssuer(
      database,
      this.minter,
      this.revoker.withDatabase(database),
      this.events,
      this.limit.withDatabase(database),
      this.registry,
      this.life.withDatabase(database),
      this.clock,
      this.options,
    );
  }

  private makeRoomFor(record: SessionRecord): Promise<string[]> {
    // An error undoes the caller's transaction, with the row.
    if (this.database.isInTransaction) return this.limit.makeRoomFor(record);
    return this.limit.makeRoomAfter(record);
  }

  private tellOf({ handle: sessionHandle, userId, tenantId, actor }: SessionRecord): void {
    if (this.database.isInTransaction) return;
    const facts = { sessionHandle, userId, tenantId, atMs: this.clock.now() };
    if (actor === null) {
      this.events.emit('created', facts);
      return;
    }
    const { userId: actorId, handle: actorSessionHandle, reason } = actor;
    this.events.emit('created', { ...facts, actorId });
    this.events.emit('impersonationStarted', { ...facts, actorId, actorSessionHandle, reason });
  }

  /** @returns the handles of the sessions that it has ended */
  private async insertInPlaceOf(
    replaced: readonly string[],
    record: SessionRecord,
  ): Promise<string[]> {
    if (replaced.length === 0 && !this.mayLateRowCount) {
      await this.store.insert(record);
      return [];
    }
    const ending = { reason: 'replaced-by-login', isByHolder: true } as const;
    const insert = async (database: SessionDatabase): Promise<EndedSessions> => {
      await new SessionStore(database).insert(record);
      const ended = await this.revoker.endIn(database, replaced, ending);
      await noteLateReplacements(database, replaced, ended, this.clock.now(), this.options);
      return ended;
    };
    const ended = await this.database.transaction(insert, {
      whenLate: 'undo',
      onCommit: (committed) => this.revoker.announce(committed),
      locks: replaced,
    });
    return ended.records.map(({ handle }) => handle);
  }

  /** Whether a row that is committed after its caller has stopped waiting would keep the user out. */
  private get mayLateRowCount(): boolean {
    return this.options.maxSessionsPerUser !== false && !this.database.isEmbedded;
  }

  private async withClaims(record: SessionRecord): Promise<SessionRecord> {
    const { claims } = this.registry;
    if (claims.length === 0) return record;
    const built = await buildClaims(claims, this.minter.subjectOf(record), record.createdAtMs);
    const accessTokenPayload = checkAccessTokenPayload({ ...record.accessTokenPayload, ...built });
    // The fetch may have taken long. Of two logins, the one that is ready later is the newer one.
    const authenticatedAtMs = record.authenticatedAtMs && this.clock.now();
    return { ...record, accessTokenPayload, authenticatedAtMs };
  }

  private async refuseOvertaken(
    record: SessionRecord,
    login: LoginUnderWay | undefined,
  ): Promise<void> {
    if (login === undefined) return;
    const own = new Set(login.ownCutOffs.map(({ id }) => id));
    const isOvertaken =
      own.size === 0
        ? await this.life.isCutOff(record)
        : countsFromMs(
            login.begunAtMs,
            // The memory does not distinguish the cut-offs of one user.
            (await this.life.cutOffsOf(record)).map((each) => ({
              ...each,
              isOwn: own.has(each.id),
            })),
          ) === undefined;
    if (!isOvertaken) return;
    // As in every failed login, never with the status of the option.
    throw new UnauthorizedSessionException({
      reason: 'login-overtaken',
      clearTokens: false,
      status: 401,
    });
  }

  private newRecord(request: SessionRequest): SessionRecord {
    const nowMs = this.clock.now();
    const userId = checkUserId(request.userId);
    const tenantId = checkTenantId(request.tenantId);
    const createdAtMs = this.createdAtMs({ userId, tenantId }, request.login, nowMs);
    const persistent = checkFlag('persistent', request.persistent) ?? this.options.persistent;
    const { impersonation, device = NO_DEVICE } = request;
    const expiresAtMs = sessionExpiresAtMs({ createdAtMs, persistent }, nowMs, this.options);
    return newSessionRecord({
      handle: newSessionHandle(createdAtMs),
      userId,
      tenantId,
      accessTokenPayload: checkAccessTokenPayload(request.accessTokenPayload),
      sessionData: checkSessionData(request.sessionDataInDatabase ?? {}),
      persistent,
      createdAtMs,
      // If somebody else acts, the user has proved nothing.
      authenticatedAtMs: impersonation === undefined ? nowMs : 0,
      lastActiveAtMs: nowMs,
      expiresAtMs: Math.min(expiresAtMs, impersonation?.endsAtMs ?? expiresAtMs),
      actor: impersonation?.actor ?? null,
      ip: device.ip,
      userAgent: device.userAgent,
    });
  }

  // Even if a handler takes long, its session is no younger than the facts that it has checked.
  private createdAtMs(
    owner: Pick<SessionRecord, 'userId' | 'tenantId'>,
    login: LoginUnderWay | undefined,
    nowMs: number,
  ): number {
    if (login === undefined) return nowMs;
    const own = login.ownCutOffs.filter((each) => isMeantFor(owner, each));
    const cutOffs = own.map(({ cutOffAtMs }) => ({ cutOffAtMs: cutOffAtMs ?? 0, isOwn: true }));
    return countsFromMs(login.begunAtMs, cutOffs) ?? nowMs;
  }
}
