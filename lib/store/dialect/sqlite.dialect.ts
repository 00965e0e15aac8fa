import type { Dialect, FailureKind } from './dialect.js';
import type { DriverFailure } from '../failures/driver-failure.js';
import { updateRows } from './update-rows.js';

// By the code or its beginning: SQLITE_READONLY also covers SQLITE_READONLY_DIRECTORY.
const KINDS: readonly (readonly [code: string, kind: FailureKind])[] = [
  ['SQLITE_BUSY_RECOVERY', 'outage'],
  ['SQLITE_BUSY_TIMEOUT', 'outage'],
  ['SQLITE_BUSY', 'conflict'],
  ['SQLITE_CONSTRAINT_UNIQUE', 'duplicate'],
  ['SQLITE_CONSTRAINT_PRIMARYKEY', 'duplicate'],
  ['SQLITE_CONSTRAINT_TRIGGER', 'raised'],
  ['SQLITE_CONSTRAINT', 'mistake'],
  ['SQLITE_ERROR', 'mistake'],
  ['SQLITE_MISMATCH', 'mistake'],
  ['SQLITE_RANGE', 'mistake'],
  ['SQLITE_TOOBIG', 'mistake'],
];

// SQLite has one code for every mistake in a statement, and sql.js has none at all. Their texts are never translated.
const KINDS_BY_TEXT: readonly (readonly [text: RegExp, kind: FailureKind])[] = [
  [/^no such table/, 'no table'],
  [/^no such column/, 'no column'],
  [/^UNIQUE constraint failed/, 'duplicate'],
  [/constraint failed|syntax error|has no column named|values for \d+ columns|mismatch/, 'mistake'],
  [/^string or blob too big|can only bind|parameter values|Wrong API use/, 'mistake'],
];

/** SQLite, in a file or in memory. */
export const sqlite: Dialect = {
  drivers: ['better-sqlite3', 'sqljs'],
  refusedOption: undefined,
  now: undefined,
  returnsDeleted: true,
  returnsUpdated: true,
  sharedInsert: undefined,
  rotateMany: undefined,
  rotateManyRead: undefined,
  updateUnlocked: (update) => updateRows(update),
  mostAloneInTransaction: 0,
  // The limit for a long time; today's is higher.
  mostParameters: 999,
  onlyConnection: {
    isInTransaction: (connection) =>
      isBetterSqlite(connection) ? connection.inTransaction : undefined,
  },
  isReadOnly: () => false,
  clusterWait: undefined,
  failureKind: ({ code, text }: DriverFailure) => {
    const byText = KINDS_BY_TEXT.find(([each]) => each.test(text))?.[1];
    if (code === undefined || code === 'SQLITE_ERROR') return byText ?? byCode(code);
    return byCode(code);
  },
  charsets: undefined,
  unstorableCure: () => 'SQLite stores every character.',
};

function byCode(code: string | undefined): FailureKind {
  const known = KINDS.find(([each]) => code === each || code?.startsWith(`${each}_`));
  return known?.[1] ?? 'outage';
}

/** better-sqlite3's `Database` knows if a transaction is open. Others only have TypeORM's flag. */
function isBetterSqlite(connection: unknown): connection is { inTransaction: boolean } {
  return (
    typeof connection === 'object' &&
    connection !== null &&
    'inTransaction' in connection &&
    typeof connection.inTransaction === 'boolean'
  );
}
