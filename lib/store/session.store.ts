import { Injectable } from '@nestjs/common';
import { asciiJson } from './ascii-json.js';
import { RotationStatements, type Rotation } from './rotation-statements.js';
import { SessionDatabase } from './session-database.js';
import {
  toParameters,
  toSessionOutline,
  toSessionRecord,
  type SessionOutline,
  type SessionRecord,
} from './session-record.js';
import { Session } from './session.entity.js';
import { GroupedSessionStatements } from './grouped-session-statements.js';
import { sessionStatements, type SessionStatements } from './session-statements.js';
import type { SharedStatement } from './statement-group.js';

// Databases bound the number of parameters in one statement; SQLite's bound was 999 for long.
const HANDLES_PER_STATEMENT = 500;

/** The statements on sessions: one intent and one round trip each, all by an index. */
@Injectable()
export class SessionStore {
  private readonly insertShared: (record: SessionRecord) => Promise<unknown>;
  private readonly findShared: (handle: string) => Promise<SessionRecord | null>;
  private readonly rotations: RotationStatements;

  constructor(private readonly database: SessionDatabase) {
    const shared = new GroupedSessionStatements(database);
    this.findShared = database.share({
      one: (handle) => this.findOne(handle),
      many: (handles) => shared.find(handles),
    });
    const insert: SharedStatement<SessionRecord, unknown> = {
      one: (record) => this.database.run(this.statements.insert, toParameters(record)),
      many: (records) => shared.insert(records),
      keyOf: ({ handle }) => handle,
    };
    this.insertShared = database.share(insert, database.dialect.sharesInserts);
    this.rotations = new RotationStatements(database);
  }

  async insert(record: SessionRecord): Promise<void> {
    await this.insertShared(record);
  }

  /** The row, expired or not. */
  async find(handle: string): Promise<SessionRecord | undefined> {
    return (await this.findShared(handle)) ?? undefined;
  }

  /** Whether this database can rotate a row and say what it holds in one statement. */
  get canRotateUnread(): boolean {
    return this.database.dialect.returnsUpdated;
  }

  /** Rotates a row that has not been read. @returns the row as it is now; `undefined` where it has to be read first */
  rotateInOneStatement(rotation: Rotation): Promise<SessionRecord | undefined> {
    return this.rotations.run(rotation);
  }

  /**
   * Rotates by compare-and-swap: only from the generation that the caller has read.
   *
   * @returns whether it won
   */
  async beginGeneration(from: SessionRecord, next: SessionRecord): Promise<boolean> {
    const { affected } = await this.database.run(this.statements.rotate, [
      next.generation,
      next.parentHash,
      next.rotatedAtMs,
      next.lastActiveAtMs,
      next.expiresAtMs,
      from.handle,
      from.generation,
      from.parentHash,
    ]);
    return affected === 1;
  }

  /** Notes of sessions, by handle and parent hash, that their generation was seen in use; the first note counts. */
  async confirm(
    confirmations: readonly (readonly [handle: string, parentHash: string])[],
    atMs: number,
  ): Promise<void> {
    // A parent's hash is of one session alone, so that the two lists can't pair up wrongly.
    const handles = confirmations.map(([handle]) => handle);
    const hashes = confirmations.map(([, hash]) => hash);
    await this.database.run(this.statements.confirm(handles.length), [atMs, ...handles, ...hashes]);
  }

  /** The same at a refresh, which is activity and so moves the idle timeout. */
  async confirmByRefresh(
    handle: string,
    parentHash: string,
    atMs: number,
    expiresAtMs: number,
  ): Promise<void> {
    const parameters = [atMs, atMs, expiresAtMs, handle, parentHash];
    await this.database.run(this.statements.confirmByRefresh, parameters);
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

  /** @returns whether a live row was there */
  async replaceSessionData(
    handle: string,
    data: Readonly<Record<string, unknown>>,
    nowMs: number,
  ): Promise<boolean> {
    const parameters = [asciiJson(data), handle, nowMs];
    const { affected } = await this.database.run(this.statements.replaceData, parameters);
    if (affected === 1) return true;
    // MySQL's protocol without its flag FOUND_ROWS does not count a row that holds the same data already.
    const record = await this.find(handle);
    return record !== undefined && record.expiresAtMs > nowMs;
  }

  /** Deletes rows, in a transaction. @returns those that were there; of several who do so at once one is told */
  async deleteReturning(handles: readonly string[]): Promise<SessionOutline[]> {
    const taken: SessionOutline[] = [];
    for (const batch of this.batchesOf(handles)) {
      const statement = this.statements.deleteReturning(batch.length);
      const { rows } = await this.database.run(statement, batch);
      taken.push(...rows.map(toSessionOutline));
    }
    if (!this.database.dialect.returnsDeleted)
      await this.deleteAll(taken.map(({ handle }) => handle));
    return taken;
  }

  /** Deletes rows in few statements; which of them were there is not told. */
  async deleteAll(handles: readonly string[]): Promise<void> {
    for (const batch of this.batchesOf(handles)) {
      await this.database.run(this.statements.deleteAll(batch.length), batch);
    }
  }

  /** Deletes rows whose time is over; one that was refreshed since it was read stays. */
  async deleteExpired(handles: readonly string[], nowMs: number): Promise<void> {
    for (const batch of this.batchesOf(handles)) {
      await this.database.run(this.statements.deleteExpired(batch.length), [...batch, nowMs]);
    }
  }

  /** A user's rows, expired ones left out, newest first. */
  async findOfUser(
    userId: string,
    tenantId: string | undefined,
    nowMs: number,
  ): Promise<SessionRecord[]> {
    const { rows } = await this.database.run(this.statements.findOfUser, [userId, nowMs]);
    return ofExactly(userId, tenantId, rows.map(toSessionRecord));
  }

  /** All of a user's rows, expired or not, to be ended. */
  async outlinesOfUser(userId: string, tenantId: string | undefined): Promise<SessionOutline[]> {
    const { rows } = await this.database.run(this.statements.outlinesOfUser, [userId]);
    return ofExactly(userId, tenantId, rows.map(toSessionOutline));
  }

  /** Up to `limit` rows whose time was over between two times, the oldest first. */
  async findExpired(nowMs: number, limit: number, fromMs: number): Promise<SessionOutline[]> {
    const { rows } = await this.database.run(this.statements.findExpired(limit), [fromMs, nowMs]);
    return rows.map(toSessionOutline);
  }

  private async findOne(handle: string): Promise<SessionRecord | null> {
    const [row] = (await this.database.run(this.statements.find, [handle])).rows;
    return row ? toSessionRecord(row) : null;
  }

  private batchesOf(handles: readonly string[]): Iterable<readonly string[]> {
    return this.database.batches(handles, HANDLES_PER_STATEMENT);
  }

  private get statements(): SessionStatements {
    return this.database.table(Session).once(sessionStatements);
  }
}

// MariaDB's default collations take `bob`, `BOB` and `bób` for one: what the index finds is compared again here.
function ofExactly<Row extends SessionOutline>(
  userId: string,
  tenantId: string | undefined,
  rows: readonly Row[],
): Row[] {
  return rows.filter((row) => row.userId === userId && (tenantId ?? row.tenantId) === row.tenantId);
}
