import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RevocationReason } from '../events/end-reason.js';
import { SessionDatabase } from './session-database.js';
import {
  REVOCATION_COLUMNS,
  REVOCATION_KINDS,
  toRevocationParameters,
  toRevocationRecord,
  type RevocationRecord,
} from './revocation-record.js';
import { SessionRevocation } from './session-revocation.entity.js';
import type { Table } from './table.js';

const LINES_PER_STATEMENT = 80;
const LINES_PER_PAGE = 1_000;
const LOWEST_ID = '00000000-0000-0000-0000-000000000000';
const IDS_PER_STATEMENT = 500;
const FORGETTING: RevocationReason = 'user-forgotten';

/** Statements on the revocation feed. */
@Injectable()
export class RevocationStore {
  constructor(private readonly database: SessionDatabase) {}

  async insert(records: readonly RevocationRecord[]): Promise<void> {
    for (const batch of this.database.batches(
      records,
      LINES_PER_STATEMENT,
      REVOCATION_COLUMNS.length,
    )) {
      await this.database.run(
        this.statements.insert(batch.length),
        batch.flatMap(toRevocationParameters),
      );
    }
  }

  /** Those of some lines that exist. */
  async find(ids: readonly string[]): Promise<RevocationRecord[]> {
    const found: RevocationRecord[] = [];
    for (const part of this.database.batches(ids, IDS_PER_STATEMENT)) {
      const { rows } = await this.database.run(this.statements.find(part.length), part);
      found.push(...rows.map(toRevocationRecord));
    }
    return found;
  }

  /** Whether its statements run in a caller's transaction. */
  get isInTransaction(): boolean {
    return this.database.isInTransaction;
  }

  /**
   * Lines that were written since a time and are still needed, in pages. A cut-off is needed until it is deleted. It
   * may be the only thing that ends a session whose insert was committed late, and which has a refresh token.
   *
   * @param endAfterMs lines that end later are still needed
   */
  pagesSince(sinceMs: number, endAfterMs: number): AsyncGenerator<RevocationRecord[]> {
    return this.readPages(this.statements.findSince, sinceMs, (line) => line.revokedAtMs, [
      endAfterMs,
      'cut-off',
    ]);
  }

  /** All lines that are still needed, in pages. Most lines are kept longer, to explain an end, and are not read. */
  async *livePages(endAfterMs: number): AsyncGenerator<RevocationRecord[]> {
    for (const kind of REVOCATION_KINDS) {
      const fromMs = kind === 'cut-off' ? 0 : endAfterMs + 1;
      yield* this.readPages(this.statements.findLive, fromMs, (line) => line.expiresAtMs, [kind]);
    }
  }

  /** The cut-offs for a user, or for everyone. */
  async findCutOffs(userId: string): Promise<RevocationRecord[]> {
    const { rows } = await this.database.run(this.statements.findCutOffs, ['cut-off', userId]);
    return rows.map(toRevocationRecord);
  }

  /** Cut-offs for everyone, the earliest first. */
  async findCutOffsOfEveryone(): Promise<RevocationRecord[]> {
    const { rows } = await this.database.run(this.statements.findCutOffsOfEveryone, ['cut-off']);
    return rows.map(toRevocationRecord);
  }

  /**
   * Removes a user's name from all lines but the cut-off that was made for it. Without a name, a cut-off would apply to
   * everyone, so those that are covered by that one are deleted.
   */
  async forgetUser(userId: string): Promise<void> {
    const { findOfUser, findByDetail } = this.statements;
    const ofUser = (await this.database.run(findOfUser, [userId])).rows.map(toRevocationRecord);
    const byDetail = (await this.database.run(findByDetail, [userId])).rows.map(toRevocationRecord);
    // Compares again, because MariaDB's default collations treat `bob` and `BOB` as equal.
    const own = ofUser.filter((line) => line.userId === userId);
    const done = byDetail.filter((line) => line.detail === userId);
    const ofSessions = own.filter((line) => line.kind === 'session');
    const others = own.filter((line) => line.kind !== 'session' && !isStillNeeded(line, own));
    await this.change(this.statements.forgetOwner, ofSessions);
    await this.change(this.statements.forgetDetail, done);
    await this.change(this.statements.delete, others);
  }

  /** The lines of a session, the latest first. */
  async findEnds(handle: string): Promise<RevocationRecord[]> {
    const { rows } = await this.database.run(this.statements.findEnds, [handle]);
    // Sorts here: SQLite without statistics would otherwise read all lines of an index in this order.
    return rows.map(toRevocationRecord).toSorted((a, b) => b.revokedAtMs - a.revokedAtMs);
  }

  /** Expired lines among those written up to a time. */
  async findExpired(
    nowMs: number,
    revokedUntilMs: number,
    limit: number,
  ): Promise<RevocationRecord[]> {
    const parameters = [nowMs, revokedUntilMs];
    const { rows } = await this.database.run(this.statements.findExpired(limit), parameters);
    return rows.map(toRevocationRecord);
  }

  async delete(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.database.run(this.statements.delete(ids.length), [...ids]);
  }

  /** Reads in pages, by time and id: 100,000 lines at once blocked the event loop for a second. */
  private async *readPages(
    statement: string,
    fromMs: number,
    timeOf: (line: RevocationRecord) => number,
    more: readonly unknown[],
  ): AsyncGenerator<RevocationRecord[]> {
    for (let after = { atMs: fromMs, id: LOWEST_ID }; ;) {
      const parameters = [after.atMs, after.atMs, after.id, ...more];
      const { rows } = await this.database.run(statement, parameters);
      const page = rows.map(toRevocationRecord);
      yield page;
      const last = page.at(-1);
      if (last === undefined || page.length < LINES_PER_PAGE) return;
      after = { atMs: timeOf(last), id: last.id };
      // An embedded database answers within the same turn of the event loop.
      await nextTurn();
    }
  }

  private async change(
    statement: (count: number) => string,
    lines: readonly RevocationRecord[],
  ): Promise<void> {
    const all = lines.map((line) => line.id);
    for (const ids of this.database.lockingBatches(all, IDS_PER_STATEMENT)) {
      await this.database.run(statement(ids.length), ids);
    }
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(SessionRevocation).once(prepareStatements);
  }
}

// A later cut-off is of somebody who has ended the user's sessions meanwhile.
function isStillNeeded(line: RevocationRecord, own: readonly RevocationRecord[]): boolean {
  const atMs = line.cutOffAtMs ?? 0;
  const forgetting = own.filter(({ reason }) => reason === FORGETTING);
  const lastAtMs = Math.max(...forgetting.map(({ cutOffAtMs }) => cutOffAtMs ?? 0));
  const isLast = atMs === lastAtMs && line.reason === FORGETTING;
  return line.kind === 'cut-off' && (isLast || atMs > lastAtMs);
}

function prepareStatements(table: Table<SessionRevocation>) {
  const c = (property: keyof SessionRevocation): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const id = c('id');
  const whereOneOf = (count: number): string =>
    table.where(`${id} IN (${table.parameters(count)})`);
  const select = `SELECT ${table.selection(REVOCATION_COLUMNS)} FROM ${table.name}`;
  const forgetDetail = `UPDATE ${table.name} SET ${c('detail')} = NULL`;
  const forgetOwner = `${forgetDetail}, ${c('userId')} = NULL, ${c('tenantId')} = NULL`;
  // The line of a session that expired refuses nothing, and each pruned session has one.
  const refuses = `${c('expiresAt')} > ${c('revokedAt')}`;
  const page = (time: 'revokedAt' | 'expiresAt', condition: string): string =>
    `${select} ` +
    table.where(
      `${c(time)} >= ${p(0)} AND (${c(time)} > ${p(1)} OR ${id} > ${p(2)}) AND ${condition} AND ${refuses}`,
    ) +
    ` ORDER BY ${c(time)}, ${id} LIMIT ${LINES_PER_PAGE}`;
  return {
    insert: table.insertions(REVOCATION_COLUMNS),
    find: (count: number) => `${select} ${whereOneOf(count)}`,
    findSince: page('revokedAt', `(${c('expiresAt')} > ${p(3)} OR ${c('kind')} = ${p(4)})`),
    findLive: page('expiresAt', `${c('kind')} = ${p(3)}`),
    findCutOffs:
      `${select} ` +
      table.where(
        `${c('kind')} = ${p(0)} AND (${c('userId')} = ${p(1)} OR ${c('userId')} IS NULL)`,
      ),
    findCutOffsOfEveryone:
      `${select} ${table.where(`${c('kind')} = ${p(0)} AND ${c('userId')} IS NULL`)} ` +
      `ORDER BY ${c('cutOffAt')}`,
    findOfUser: `${select} ${table.where(`${c('userId')} = ${p(0)}`)}`,
    findByDetail: `${select} ${table.where(`${c('detail')} = ${p(0)}`)}`,
    forgetOwner: (count: number) => `${forgetOwner} ${whereOneOf(count)}`,
    forgetDetail: (count: number) => `${forgetDetail} ${whereOneOf(count)}`,
    findEnds: `${select} ${table.where(`${c('handle')} = ${p(0)}`)}`,
    findExpired: (limit: number) =>
      `${select} ${table.where(`${c('keptUntil')} <= ${p(0)} AND ${c('revokedAt')} <= ${p(1)}`)} ` +
      `ORDER BY ${c('keptUntil')} LIMIT ${limit}`,
    delete: (count: number) => `DELETE FROM ${table.name} ${whereOneOf(count)}`,
  };
}
