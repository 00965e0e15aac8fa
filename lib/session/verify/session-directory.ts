import { Injectable } from '@nestjs/common';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { JsonObject } from '../input/json-object.js';
import { checkTenantId, checkUserId, readHandle } from '../input/session-input.js';
import { SessionLife } from './session-life.js';

/** What the database knows of a session. Times in milliseconds since the epoch. @publicApi */
export interface SessionInformation {
  sessionHandle: string;
  userId: string;
  tenantId: string;
  timeCreated: number;
  /** When it ends without another refresh. */
  expiry: number;
  sessionDataInDatabase: JsonObject;
  /** The user's own claims; new access tokens get them. */
  customClaimsInAccessTokenPayload: JsonObject;
}

/** Finds sessions that are not over. */
@Injectable()
export class SessionDirectory {
  constructor(
    private readonly store: SessionStore,
    private readonly life: SessionLife,
    private readonly clock: Clock,
  ) {}

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): SessionDirectory {
    const life = this.life.withDatabase(database);
    return new SessionDirectory(new SessionStore(database), life, this.clock);
  }

  /** The row of a session; `undefined` where it is unknown or over. */
  async find(handle: unknown): Promise<SessionRecord | undefined> {
    const known = readHandle(handle);
    return known === undefined ? undefined : this.life.findLive(known);
  }

  async information(handle: unknown): Promise<SessionInformation | undefined> {
    const record = await this.find(handle);
    return record && toInformation(record);
  }

  /**
   * A user's rows, newest first.
   *
   * @param tenantId in this tenant alone; in all of them where it is `undefined`
   */
  async ofUser(userId: unknown, tenantId?: unknown): Promise<SessionRecord[]> {
    const tenant = tenantId === undefined ? undefined : checkTenantId(tenantId);
    const found = await this.store.findOfUser(checkUserId(userId), tenant, this.clock.now());
    const over = await Promise.all(found.map((record) => this.life.isOver(record)));
    return found.filter((_, index) => over[index] === false);
  }

  async handlesOfUser(userId: unknown, tenantId?: unknown): Promise<string[]> {
    return (await this.ofUser(userId, tenantId)).map((record) => record.handle);
  }
}

export function toInformation(record: SessionRecord): SessionInformation {
  return {
    sessionHandle: record.handle,
    userId: record.userId,
    tenantId: record.tenantId,
    timeCreated: record.createdAtMs,
    expiry: record.expiresAtMs,
    sessionDataInDatabase: { ...record.sessionData },
    customClaimsInAccessTokenPayload: { ...record.accessTokenPayload },
  };
}
