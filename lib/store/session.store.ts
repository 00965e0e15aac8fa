import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { asciiJson } from './ascii-json.js';
import type { Rotation } from './rotation.js';
import { SessionDatabase } from './session-database.js';
import {
  ofExactly,
  toHeldRow,
  toSessionListing,
  toSessionOutline,
  type HeldRow,
  type SessionListing,
  type SessionOutline,
} from './session-outline.js';
import {
  toParameters,
  toSessionRecord,
  type ByPersistence,
  type SessionRecord,
} from './session-record.js';
import { handlesIn } from './handles-in.js';
import { LAST_HANDLE } from './session-range.store.js';
import { Session } from './session.entity.js';
import { shareRotations } from './share-rotations.js';
import { GroupedSessionStatements, type ArrivalNote } from './grouped-session-statements.js';
import { ROWS_PER_PAGE, sessionStatements, type SessionStatements } from './session-statements.js';
import type { SharedStatement } from './statement-group.js';

// Databases limit the parameters of one statement; SQLite's limit was 999 for a long time.
const HANDLES_PER_STATEMENT = 500;

/** Statements on sessions: one intent and one round trip each, all of them by an index. */
@Injectable()
export class SessionStore {
  private readonly insertShared: (record: SessionRecord) => Promise<unknown>;
  private readonly findShared: (handle: string) => Promise<SessionRecord | null>;
  private readonly rotateShared:
    ((rotation: Rotation) => Promise<SessionRecord | null>) | undefined;

  private readonly shared: GroupedSessionStatements;

  constructor(private readonly database: SessionDatabase) {
    const shared = (this.shared = new GroupedSessionStatements(database));
    this.findShared = database.share({
      one: (handle) => this.findOne(handle),
      many: (handles) => shared.find(handles),
    });
    const insert: SharedStatement<SessionRecord, unknown> = {
      one: async (record, isOverdue) =>
        this.database.run(this.statements.insert, toParameters(record), isOverdue),
      many: (records, isOverdue) => shared.insert(records, isOverdue),
      keyOf: ({ handle }) => handle,
    };
    this.insertShared = database.share(insert, database.dialect.sharedInsert !== undefined);
    this.rotateShared = shareRotations(database, shared, {
      find: (handle) => this.findOne(handle),
      beginGeneration: (...step) => this.beginGeneration(...step),
    });
  }

  async insert(record: SessionRecord): Promise<void> {
    await this.insertShared(record);
  }

  /** The row, expired or not. */
  async find(handle: string): Promise<SessionRecord | undefined> {
    return (await this.findShared(handle)) ?? undefined;
  }

  /** The existing rows of these handles, expired or not. */
  async heldRows(handles: readonly string[]): Promise<HeldRow[]> {
    const found: HeldRow[] = [];
    for (const batch of this.batchesOf(handles)) {
      const { rows } = await this.database.run(this.statements.held(batch.length), batch);
      found.push(...rows.map(toHeldRow));
    }
    return found;
  }

  /** Whether a token alone can ask for a rotation here, which saves or shares a statement. */
  get canRotateAsPresented(): boolean {
    return this.rotateShared !== undefined;
  }

  /** Rotates a row if it is as the token says. @returns the row after the rotation; `undefined` if it has not rotated */
  async rotateAsPresented(rotation: Rotation): Promise<SessionRecord | undefined> {
    return (await this.rotateShared?.(rotation)) ?? undefined;
  }

  /**
   * Rotates by compare-and-swap, only from the generation that the caller has read, and only if the row is bound or
   * unbound as it was then.
   *
   * @returns whether it won
   */
  async beginGeneration(
    from: SessionRecord,
    next: SessionRecord,
    isOverdue?: () => boolean,
  ): Promise<boolean> {
    const values = [
      next.generation,
      next.parentHash,
      next.rotatedAtMs,
      next.lastActiveAtMs,
      next.expiresAtMs,
      from.handle,
      from.generation,
      from.parentHash,
    ];
    const statement = this.statements.rotate(from.deviceKey !== null);
    const { affected } = await this.database.run(statement, values, isOverdue);
    return affected === 1;
  }

  /** Notes, by handle and parent hash, that the generations of sessions were seen in use. The first note counts. */
  confirm(notes: readonly ArrivalNote[], atMs: number): Promise<void> {
    return this.shared.confirm(notes, atMs);
  }

  /** The same at a refresh, which is activity and so extends the idle timeout. */
  async confirmByRefresh(
    handle: string,
    parentHash: string,
    atMs: number,
    expiresAtMs: number,
  ): Promise<void> {
    const values = [atMs, atMs, expiresAtMs, handle, parentHash];
    await this.database.run(this.statements.confirmByRefresh, values);
  }

  /** @returns whether the version was still the one that the caller had read */
  async replaceAccessTokenPayload(
    handle: string,
    fromVersion: number,
    payload: Readonly<Record<string, unknown>>,
  ): Promise<boolean> {
    const parameters = [asciiJson(payload), fromVersion + 1, handle, fromVersion];
    const { affected } = await this.database.run(this.statements.replacePayload, parameters);
    return affected === 1;
  }

  /** @returns whether there was a live row with other data */
  async replaceSessionData(
    handle: string,
    data: Readonly<Record<string, unknown>>,
    { nowMs, activeAfterMs }: { nowMs: number; activeAfterMs: ByPersistence },
  ): Promise<boolean> {
    const { affected } = await this.database.run(this.statements.replaceData, [
      asciiJson(data),
      handle,
      nowMs,
      activeAfterMs.persistent,
      activeAfterMs.nonPersistent,
    ]);
    return affected === 1;
  }

  /**
   * Notes the session in which a user acts as another, by compare-and-swap.
   *
   * @returns whether the user's own live row was there, and named the session in `from`
   */
  async noteImpersonation(
    ownHandle: string,
    { from, to, nowMs }: { from: string | null; to: string; nowMs: number },
  ): Promise<boolean> {
    const statement = this.statements.impersonate(from !== null);
    const parameters = from === null ? [to, ownHandle, nowMs] : [to, ownHandle, nowMs, from];
    return (await this.database.run(statement, parameters)).affected === 1;
  }

  /** Deletes rows, in a transaction. @returns the rows that existed; of simultaneous callers, only one gets each row */
  deleteReturning(handles: readonly string[]): Promise<SessionOutline[]> {
    return this.take(this.statements.deleteReturning, handles);
  }

  /** Deletes rows in few statements, and does not report which of them existed. */
  async deleteAll(handles: readonly string[]): Promise<void> {
    for (const batch of this.batchesOf(handles)) {
      await this.database.run(this.statements.deleteAll(batch.length), batch);
    }
  }

  /** Deletes expired rows in the same way, but not for one that was refreshed after it was read. */
  deleteExpired(handles: readonly string[], nowMs: number): Promise<SessionOutline[]> {
    return this.take(this.statements.deleteExpired, handles, nowMs);
  }

  /** Deletes a row in the same way that has not been refreshed since it was read. */
  deleteUnlessActive({ handle, lastActiveAtMs }: SessionOutline): Promise<SessionOutline[]> {
    return this.take(() => this.statements.deleteUnlessActive, [handle], lastActiveAtMs);
  }

  /**
   * A user's rows that expire after a time, newest first, in pages. Nearly every user has one page. With more, other
   * requests run between the pages.
   *
   * @param before the handle that they follow
   */
  async *pagesOfUser(
    userId: string,
    tenantId: string | undefined,
    expiringAfterMs: number,
    before = LAST_HANDLE,
  ): AsyncGenerator<SessionListing[]> {
    for (let last = before; ;) {
      const parameters = [userId, last, expiringAfterMs];
      const { rows } = await this.database.run(this.statements.pageOfUser, parameters);
      const page = rows.map(toSessionListing);
      yield ofExactly(userId, tenantId, page);
      const end = page.at(-1);
      if (end === undefined || page.length < ROWS_PER_PAGE) return;
      last = end.handle;
      await nextTurn();
    }
  }

  /** The handles of all rows of a user, expired or not, to end them. */
  handlesOfUser(userId: string, tenantId: string | undefined): Promise<string[]> {
    return handlesIn(this.pagesOfUser(userId, tenantId, -1));
  }

  /** Up to `limit` rows that expired between two times, the oldest first. */
  async findExpired(nowMs: number, limit: number, fromMs: number): Promise<SessionOutline[]> {
    const { rows } = await this.database.run(this.statements.findExpired(limit), [fromMs, nowMs]);
    return rows.map(toSessionOutline);
  }

  private async take(
    statement: (count: number) => string,
    handles: readonly string[],
    ...more: readonly number[]
  ): Promise<SessionOutline[]> {
    const taken: SessionOutline[] = [];
    for (const batch of this.batchesOf(handles)) {
      const { rows } = await this.database.run(statement(batch.length), [...batch, ...more]);
      taken.push(...rows.map(toSessionOutline));
    }
    if (!this.database.dialect.returnsDeleted)
      await this.deleteAll(taken.map(({ handle }) => handle));
    return taken;
  }

  private async findOne(handle: string): Promise<SessionRecord | null> {
    const [row] = (await this.database.run(this.statements.find, [handle])).rows;
    return row ? toSessionRecord(row) : null;
  }

  private batchesOf(handles: readonly string[]): Iterable<readonly string[]> {
    return this.database.lockingBatches(handles, HANDLES_PER_STATEMENT);
  }

  private get statements(): SessionStatements {
    return this.database.table(Session).once(sessionStatements);
  }
}
