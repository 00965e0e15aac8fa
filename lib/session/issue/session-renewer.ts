import { Inject, Injectable } from '@nestjs/common';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { SessionDatabase } from '../../store/session-database.js';
import { newSessionRecord, type SessionRecord } from '../../store/session-record.js';
import { SessionSuccessionStore } from '../../store/session-succession.store.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { newSessionHandle } from '../../tokens/session-handle.js';
import type { LoginUnderWay } from '../end/logins-under-way.js';
import { SessionRevoker, type EndedSessions } from '../end/session-revoker.js';
import { NO_DEVICE, type DeviceInfo } from '../device/device-info.js';
import { sessionExpiresAtMs } from '../mint/session-lifetime.js';
import { SessionTokenMinter } from '../mint/session-token-minter.js';
import { SessionLife } from '../verify/session-life.js';
import type { IssuedSession } from './session-issuer.js';

const MAX_RACES = 8;
const ENDING = { reason: 'reauthenticated' } as const;

/** The session that continues with new tokens. */
export interface RenewalRequest {
  readonly handle: string;
  readonly userId: string;
  readonly device: DeviceInfo;
  readonly login: LoginUnderWay | undefined;
  readonly withAntiCsrfToken: boolean;
  /** Whether the answer asks the browser to bind the session. */
  readonly isBindingOffered: boolean;
  /** Sessions that end in addition to the renewed one. */
  readonly replacedHandles: readonly string[];
}

/**
 * Gives a session new tokens and another handle, and keeps its content. One transaction replaces the old row with the
 * new one. Another attempt to end or change the session either came before, and counts, or finds the session gone.
 */
@Injectable()
export class SessionRenewer {
  private readonly store: SessionStore;

  constructor(
    private readonly database: SessionDatabase,
    private readonly life: SessionLife,
    private readonly minter: SessionTokenMinter,
    private readonly revoker: SessionRevoker,
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.store = new SessionStore(database);
  }

  /** @returns `undefined` if the session is over or belongs to another user; then nothing changes */
  async renew(request: RenewalRequest): Promise<IssuedSession | undefined> {
    for (let races = 0; races < MAX_RACES; races += 1) {
      const former = await this.store.find(request.handle);
      if (former === undefined || former.userId !== request.userId) return undefined;
      if (await this.life.isOver(former)) return undefined;
      const record = this.successorOf(former, request);
      // Signed before the rows change: if signing fails, the session must survive.
      const refresh = await this.minter.refreshTokenFor(record);
      const { withAntiCsrfToken, isBindingOffered } = request;
      const tokens = await this.minter.tokensFor(
        record,
        refresh,
        withAntiCsrfToken,
        isBindingOffered,
      );
      const ended = await this.database.transaction(
        (database) => this.putInPlaceOf(database, former, record, request.replacedHandles),
        {
          whenLate: 'undo',
          onCommit: (outcome) => {
            if (typeof outcome === 'object') this.revoker.announce(outcome);
          },
          locks: [former.handle, ...request.replacedHandles],
        },
      );
      if (ended === 'over') return undefined;
      if (ended === 'gone or changed') continue;
      const { handle: sessionHandle, userId, tenantId } = record;
      const atMs = this.clock.now();
      this.events.emit('created', { sessionHandle, userId, tenantId, atMs });
      return { record, tokens, ended: [former.handle, ...request.replacedHandles] };
    }
    throw new SessionStoreUnavailableException({ cause: new Error('the session did not settle') });
  }

  private async putInPlaceOf(
    database: SessionDatabase,
    former: SessionRecord,
    record: SessionRecord,
    replaced: readonly string[],
  ): Promise<EndedSessions | 'gone or changed' | 'over'> {
    const taken = await new SessionSuccessionStore(database).take(former);
    if (taken === undefined) return 'gone or changed';
    // Read from the database, with the row locked: a cut-off committed later is also later than the new session.
    const cutOffs = await this.life.withDatabase(database).cutOffsOf(former);
    if (cutOffs.some(({ cutOffAtMs }) => former.createdAtMs < cutOffAtMs)) return 'over';
    await new SessionStore(database).insert({ ...record, sessionData: taken.sessionData });
    const own = await this.revoker.noteIn(database, [taken], ENDING);
    const others = await this.revoker.endIn(database, replaced, ENDING);
    // It names the old session as the actor's, so it is refused from now on.
    const actedIn = [taken.impersonating].filter((handle) => handle !== null);
    const ended = [own, others, await this.revoker.endActedIn(database, actedIn)];
    return {
      records: ended.flatMap(({ records }) => records),
      rows: ended.flatMap(({ rows }) => rows),
      impersonations: ended.flatMap(({ impersonations = [] }) => impersonations),
    };
  }

  private successorOf(former: SessionRecord, request: RenewalRequest): SessionRecord {
    const nowMs = this.clock.now();
    // A cut-off of this very millisecond ends it, as it ends the previous session.
    const begunAtMs = Math.min(request.login?.begunAtMs ?? nowMs, nowMs) - 1;
    const createdAtMs = Math.max(former.createdAtMs, begunAtMs);
    // The browser knows the previous session by its handle, so it must bind the new one again.
    return newSessionRecord({
      ...former,
      ...NO_DEVICE,
      ...request.device,
      handle: newSessionHandle(createdAtMs),
      createdAtMs,
      authenticatedAtMs: nowMs,
      lastActiveAtMs: nowMs,
      expiresAtMs: sessionExpiresAtMs({ ...former, createdAtMs }, nowMs, this.options),
    });
  }
}
