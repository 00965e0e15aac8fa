import type { Dialect, FailureKind } from './dialect.js';
import type { DriverFailure } from '../failures/driver-failure.js';
import { manyRotations } from './postgres-rotation.js';
import { updateRows, type UpdateOfRows } from './update-rows.js';

const READ_ONLY = '25006';

// By SQLSTATE, or by the two characters of its class.
const KINDS: Readonly<Record<string, FailureKind>> = {
  '40001': 'conflict',
  '40P01': 'conflict',
  '23505': 'duplicate',
  '42P01': 'no table',
  '42703': 'no column',
  // No equivalent in the database's encoding.
  '22P05': 'unstorable',
  // A transaction that may not write, on a replica or a read-only server; a transaction that lasted too long.
  [READ_ONLY]: 'outage',
  '25P03': 'outage',
  '25P04': 'outage',
  // A lock that was not available within `lock_timeout`.
  '55P03': 'outage',
  // A statement or a connection larger than the server accepts: no retry makes it smaller.
  '54000': 'mistake',
};
const OUTAGE_CLASSES: ReadonlySet<string> = new Set([
  // The connection, including a proxy's; resources; an administrator; the machine; the server itself.
  '08',
  '53',
  '57',
  '58',
  'XX',
  // Other ways to undo a transaction, and a snapshot that is too old.
  '40',
  '72',
  // Refused users, and a missing database, during connecting.
  '28',
  '3D',
]);

// PL/pgSQL's RAISE has the class P0, or one that the application chose.
const OWN_CLASSES = /^(?:[0-5]|F0|HV)/;

// SQL_ASCII accepts all bytes and ignores characters: a name's length and order would be those of its bytes.
const LACKING_ENCODING =
  "SELECT known.charset AS charset, 'database' AS place " +
  "FROM (SELECT current_setting('server_encoding') AS charset) AS known WHERE known.charset <> 'UTF8'";

/** PostgreSQL. */
export const postgres: Dialect = {
  drivers: ['postgres'],
  refusedOption: undefined,
  // To the microsecond: any missing fraction would count as the clock's error.
  now: 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS now',
  returnsDeleted: true,
  returnsUpdated: true,
  sharedInsert: (insertion) => insertion,
  rotateMany: manyRotations,
  rotateManyRead: undefined,
  updateUnlocked: skippingLocked,
  mostAloneInTransaction: 0,
  mostParameters: 65_535,
  onlyConnection: undefined,
  isReadOnly: ({ sqlState }: DriverFailure) => sqlState === READ_ONLY,
  clusterWait: undefined,
  failureKind: ({ sqlState, severity }: DriverFailure) => {
    // An error without a SQLSTATE comes from the connection or the pool, not from the server.
    if (sqlState === undefined || severity === 'FATAL' || severity === 'PANIC') return 'outage';
    const known = KINDS[sqlState];
    if (known !== undefined) return known;
    if (OUTAGE_CLASSES.has(sqlState.slice(0, 2))) return 'outage';
    return OWN_CLASSES.test(sqlState) ? 'mistake' : 'raised';
  },
  charsets: {
    statement: () => ({ sql: LACKING_ENCODING, parameters: [] }),
    cure: ({ charset }, tables) =>
      `The database of ${tables.join(', ')} has the encoding ${charset}, which lacks characters. Run ` +
      "`CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`, and move the data there (pg_dump, pg_restore).",
  },
  unstorableCure: ({ text }: DriverFailure, table) => {
    const encoding = / in encoding "(\w+)"$/.exec(text)?.[1] ?? 'other than UTF8';
    return (
      `The database of ${table} has the encoding ${encoding}, which lacks a character. ` +
      "Move the data to a database created with ENCODING 'UTF8'."
    );
  },
};

function skippingLocked({ table, set, handles, condition }: UpdateOfRows): string {
  const handle = table.column('handle');
  const unlocked =
    `SELECT ${handle} FROM ${table.name} ` +
    `${table.where(`${handle} IN (${handles})`)} FOR UPDATE SKIP LOCKED`;
  const isUnlocked = `${handle} IN (${unlocked}) AND ${condition}`;
  return updateRows({ table, set, handles, condition: isUnlocked });
}

/** Databases that speak PostgreSQL's language: this uses only the features that all of them have. */
export const postgresCompatible: Dialect = {
  ...postgres,
  drivers: ['aurora-postgres'],
  sharedInsert: undefined,
  rotateMany: undefined,
  updateUnlocked: undefined,
};

/** After a conflict, TypeORM would send a transaction's statements again, whatever they find by then. */
export const cockroachdb: Dialect = {
  ...postgresCompatible,
  drivers: ['cockroachdb'],
  refusedOption: (options) =>
    'maxTransactionRetries' in options && options.maxTransactionRetries === 0
      ? undefined
      : "Set `maxTransactionRetries: 0` in the data source's options: TypeORM would repeat a transaction without " +
        'looking at its results, and a session could outlive its end. Sessions repeat their own transactions.',
};
