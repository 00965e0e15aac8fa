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
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { NO_PARENT_HASH } from '../../tokens/refresh-token.js';
import { newSessionHandle } from '../../tokens/session-handle.js';
import { RegisteredClaims } from '../edit/registered-claims.js';
import { NO_DEVICE, type DeviceInfo } from '../device/device-info.js';
import {
  checkAccessTokenPayload,
  checkPersistent,
  checkSessionData,
  checkTenantId,
  checkUserId,
} from '../input/session-input.js';
import { sessionExpiresAtMs } from '../mint/session-lifetime.js';
import { countsFromMs } from './login-standing.js';
import { SessionLimit } from './session-limit.js';
import type { LoginUnderWay } from '../end/logins-under-way.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { SessionLife } from '../verify/session-life.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import type { MintedTokens } from '../mint/minted-tokens.js';

/** What a login asks for. */
export interface SessionRequest {
  readonly userId: unknown;
  readonly tenantId: unknown;
  readonly accessTokenPayload?: unknown;
  readonly sessionDataInDatabase?: unknown;
  readonly persistent?: unknown;
  readonly device?: DeviceInfo;
  /** When it began, and what it has cut off by itself. @default it begins now */
  readonly login?: LoginUnderWay | undefined;
  /** Whether the client proves itself by the `anti-csrf` header. */
  readonly withAntiCsrfToken: boolean;
  /** Sessions that end with this login: what the client carried until now (session fixation, ASVS 7.2.4). */
  readonly replacedHandles?: readonly string[];
}

/** A session's row and the tokens for its client. */
export interface IssuedSession {
  readonly record: SessionRecord;
  readonly tokens: MintedTokens;
}

/** Creates sessions: checks what it is given, makes the tokens, and only then writes the row. */
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
   * @throws {UnauthorizedSessionException} (401) where a cut-off has overtaken the login; it writes nothing
   * @throws {SessionStoreUnavailableException}
   */
  async issue(request: SessionRequest): Promise<IssuedSession> {
    const made = this.newRecord(request);
    const record = await this.withClaims(made);
    const refresh = await this.minter.refreshTokenFor(record);
    const tokens = await this.minter.tokensFor(record, refresh, request.withAntiCsrfToken);
    const replaced = request.replacedHandles ?? [];
    await this.refuseOvertaken(record, request.login);
    await this.limit.refuseIfFull(record, replaced);
    if (replaced.length === 0) await this.store.insert(record);
    else await this.insertInPlaceOf(replaced, record);
    await this.limit.makeRoomFor(record);
    const { handle: sessionHandle, userId, tenantId } = record;
    if (!this.database.isInTransaction) {
      this.events.emit('created', { sessionHandle, userId, tenantId, atMs: this.clock.now() });
    }
    return { record, tokens };
  }

  /** The same in a transaction of the caller's. */
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

  private async insertInPlaceOf(replaced: readonly string[], record: SessionRecord): Promise<void> {
    const reason = 'replaced-by-login';
    const ended = await this.database.transaction(async (database) => {
      await new SessionStore(database).insert(record);
      return this.revoker.endIn(database, replaced, { reason });
    });
    this.revoker.announce(ended, { reason });
  }

  private async withClaims(record: SessionRecord): Promise<SessionRecord> {
    const { claims } = this.registry;
    if (claims.length === 0) return record;
    const built = await buildClaims(claims, record, record.createdAtMs);
    const accessTokenPayload = checkAccessTokenPayload({ ...record.accessTokenPayload, ...built });
    return { ...record, accessTokenPayload };
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
            // The memory of them tells those of a user not apart.
            (await this.life.cutOffsOf(record)).map((each) => ({
              ...each,
              isOwn: own.has(each.id),
            })),
          ) === undefined;
    if (!isOvertaken) return;
    // Never the option's status, as of every login that fails.
    throw new UnauthorizedSessionException({
      reason: 'login-overtaken',
      clearTokens: false,
      status: 401,
    });
  }

  private newRecord(request: SessionRequest): SessionRecord {
    const nowMs = this.clock.now();
    const owner = {
      userId: checkUserId(request.userId),
      tenantId: checkTenantId(request.tenantId),
    };
    const createdAtMs = this.createdAtMs(owner, request.login, nowMs);
    const persistent = checkPersistent(request.persistent) ?? this.options.persistent;
    const { ip, userAgent } = request.device ?? NO_DEVICE;
    return {
      handle: newSessionHandle(createdAtMs),
      ...owner,
      generation: 0,
      parentHash: NO_PARENT_HASH,
      rotatedAtMs: nowMs,
      confirmedAtMs: null,
      accessTokenPayload: checkAccessTokenPayload(request.accessTokenPayload),
      sessionData: checkSessionData(request.sessionDataInDatabase),
      dataVersion: 0,
      persistent,
      createdAtMs,
      authenticatedAtMs: nowMs,
      lastActiveAtMs: nowMs,
      expiresAtMs: sessionExpiresAtMs({ createdAtMs, persistent }, nowMs, this.options),
      ip,
      userAgent,
    };
  }

  // Also where a handler takes long, its session is no younger than what it has found out.
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
