import { Injectable } from '@nestjs/common';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionListing } from '../../store/session-outline.js';
import type { SessionRecord } from '../../store/session-record.js';
import { handlesIn } from '../../store/handles-in.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { JsonObject } from '../input/json-object.js';
import { checkTenantId, checkUserId, readHandle } from '../input/session-input.js';
import { SessionLife } from './session-life.js';

/** The database's information about a session. Times in milliseconds since the epoch. @publicApi */
export interface SessionInformation {
  sessionHandle: string;
  userId: string;
  tenantId: string;
  timeCreated: number;
  /** When the session ends without another refresh. */
  expiry: number;
  /** `false`: its cookies end with the browser ("remember me" off). */
  persistent: boolean;
  sessionDataInDatabase: JsonObject;
  /** The user's own claims, which new access tokens contain. */
  customClaimsInAccessTokenPayload: JsonObject;
}

/** Finds live sessions. */
@Injectable()
export class SessionDirectory {
  constructor(
    private readonly store: SessionStore,
    private readonly life: SessionLife,
    private readonly clock: Clock,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionDirectory {
    const life = this.life.withDatabase(database);
    return new SessionDirectory(new SessionStore(database), life, this.clock);
  }

  /** The row of a session; `undefined` if it is unknown or over. */
  async find(handle: unknown): Promise<SessionRecord | undefined> {
    const known = readHandle(handle);
    return known === undefined ? undefined : this.life.findLive(known);
  }

  async information(handle: unknown): Promise<SessionInformation | undefined> {
    const record = await this.find(handle);
    return record && toInformation(record);
  }

  /**
   * A user's sessions, newest first, in pages.
   *
   * @param tenantId the only tenant; `undefined` means all tenants
   * @param before the handle that they follow
   */
  async *pagesOfUser(
    userId: unknown,
    tenantId?: unknown,
    before?: string,
  ): AsyncGenerator<SessionListing[]> {
    const tenant = tenantId === undefined ? undefined : checkTenantId(tenantId);
    const nowMs = this.clock.now();
    for await (const page of this.store.pagesOfUser(checkUserId(userId), tenant, nowMs, before)) {
      const over = await this.life.areOver(page);
      yield page.filter((_, index) => over[index] === false).map((row) => this.life.asOfToday(row));
    }
  }

  async handlesOfUser(userId: unknown, tenantId?: unknown): Promise<string[]> {
    return handlesIn(this.pagesOfUser(userId, tenantId));
  }
}

export function toInformation(record: SessionRecord): SessionInformation {
  return {
    sessionHandle: record.handle,
    userId: record.userId,
    tenantId: record.tenantId,
    timeCreated: record.createdAtMs,
    expiry: record.expiresAtMs,
    persistent: record.persistent,
    sessionDataInDatabase: { ...record.sessionData },
    customClaimsInAccessTokenPayload: { ...record.accessTokenPayload },
  };
}
