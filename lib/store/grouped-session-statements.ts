import { updateRows } from './dialect/update-rows.js';
import type { SessionDatabase } from './session-database.js';
import {
  SESSION_COLUMNS,
  toParameters,
  toSessionRecord,
  type SessionRecord,
} from './session-record.js';
import { Session } from './session.entity.js';
import { rememberedByCount, type Table } from './table.js';

export type ArrivalNote = readonly [handle: string, parentHash: string];

/**
 * Statements on sessions for many callers at once. None of them waits for a lock: otherwise one slow transaction of the
 * application would hold up other users.
 */
export class GroupedSessionStatements {
  constructor(private readonly database: SessionDatabase) {}

  async find(handles: readonly string[]): Promise<(SessionRecord | null)[]> {
    const { rows } = await this.database.run(this.statements.find(handles.length), handles);
    const records = new Map(rows.map(toSessionRecord).map((record) => [record.handle, record]));
    return handles.map((handle) => records.get(handle) ?? null);
  }

  /** For databases in which logins share an INSERT. */
  async insert(records: readonly SessionRecord[], isOverdue: () => boolean): Promise<true[]> {
    const parameters = records.flatMap(toParameters);
    await this.database.attempt(this.statements.insert(records.length), parameters, isOverdue);
    return records.map(() => true);
  }

  /**
   * A note that finds its row locked is dropped, or waits in a statement of its own. It is harmless to lose one.
   */
  async confirm(notes: readonly ArrivalNote[], atMs: number): Promise<void> {
    const canShare = this.database.dialect.updateUnlocked !== undefined;
    if (canShare && (await this.note(notes, atMs))) return;
    for (const each of notes) await this.note([each], atMs);
  }

  /** @returns whether the database has not undone it because of a lock */
  private async note(notes: readonly ArrivalNote[], atMs: number): Promise<boolean> {
    // A parent's hash belongs to one session only, so the two lists can't pair up wrongly.
    const handles = notes.map(([handle]) => handle);
    const hashes = notes.map(([, hash]) => hash);
    const text = this.statements.confirm(notes.length);
    const parameters = [atMs, ...handles, ...hashes];
    // An embedded database has no locks of rows, and each wait for its one lock blocks the process.
    const expected = this.database.isEmbedded ? [] : (['conflict'] as const);
    return (await this.database.failureAmong(expected, text, parameters)) === undefined;
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const handle = table.column('handle');
  const insertions = table.insertions(SESSION_COLUMNS);
  const { sharedInsert = (insertion: string) => insertion, updateUnlocked = updateRows } =
    table.dialect;
  const confirmedAt = table.column('confirmedAt');
  const parent = table.column('parentRefreshTokenHash');
  const find = `SELECT ${table.selection(SESSION_COLUMNS)} FROM ${table.name}`;
  return {
    find: rememberedByCount(
      (count) => `${find} ${table.where(`${handle} IN (${table.parameters(count)})`)}`,
    ),
    insert: rememberedByCount((count) => sharedInsert(insertions(count))),
    confirm: rememberedByCount((count) =>
      updateUnlocked({
        table,
        set: `${confirmedAt} = ${table.parameter(0)}`,
        handles: table.parameters(count, 1),
        condition: `${parent} IN (${table.parameters(count, 1 + count)}) AND ${confirmedAt} IS NULL`,
      }),
    ),
  };
}
