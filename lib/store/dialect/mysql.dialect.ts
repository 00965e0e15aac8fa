import type { Dialect, FailureKind } from './dialect.js';
import type { DriverFailure } from '../failures/driver-failure.js';
import { GaleraWait } from './galera-wait.js';

// By the server's number, because drivers name the later errors differently.
const KINDS: Readonly<Record<number, FailureKind>> = {
  // Deadlock, or a lost certification in a Galera cluster; lock wait; snapshot isolation, which MariaDB enables by
  // default since 11.6.
  1213: 'conflict',
  1205: 'conflict',
  1020: 'conflict',
  1062: 'duplicate',
  1586: 'duplicate',
  1146: 'no table',
  1054: 'no column',
  // An invalid string; no common collation; a character or a string that can't be converted.
  1300: 'unstorable',
  1267: 'unstorable',
  3854: 'unstorable',
  3988: 'unstorable',
  // SIGNAL.
  1643: 'raised',
  1644: 'raised',
  // A packet larger than `max_allowed_packet`, although its SQLSTATE is that of a broken connection.
  1153: 'mistake',
};

// Connections: none left, or none for this user; the host is blocked; no such user, rights or database during
// connecting.
const CONNECTIONS = [1040, 1203, 1226, 1129, 1130, 1044, 1045, 1049];
// Shutting down, not ready yet (Galera), killed, timed out, or closed as idle; group replication lacks its group.
const STOPPED = [1053, 1077, 1047, 1317, 1927, 1969, 3024, 4031, 3100];
const READ_ONLY = [1290, 1036, 1836, 1792];
// Disk or tablespace full; reading, writing or the storage engine fails; a damaged table.
const DISK = [1021, 1114, 1026, 1024, 1030, 1194, 1195];
// Out of memory, resources, locks or transactions.
const RESOURCES = [1037, 1038, 1041, 1206, 1637];
const OUTAGES = new Set([...CONNECTIONS, ...STOPPED, ...READ_ONLY, ...DISK, ...RESOURCES]);

/** A wrong value is a mistake, unless it is text with characters that the column's charset lacks. */
const WRONG_VALUE = 1366;

const WHOLE_CHARSETS = "'utf8mb4', 'utf16', 'utf16le', 'utf32', 'gb18030'";

/** MySQL. */
export const mysql: Dialect = {
  drivers: ['mysql'],
  refusedOption: undefined,
  // To the microsecond. Local time would be ambiguous in the hour that repeats when summer time ends.
  now: "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) / 1000 AS now",
  returnsDeleted: false,
  returnsUpdated: false,
  // An INSERT may wait for the lock on a gap, and MySQL has no way to make it fail instead.
  sharedInsert: undefined,
  rotateMany: undefined,
  rotateManyRead: undefined,
  updateUnlocked: undefined,
  // A table with more rows than this is large enough that one statement does not scan it.
  mostAloneInTransaction: 100,
  mostParameters: 65_535,
  onlyConnection: undefined,
  isReadOnly: ({ errno }: DriverFailure) => errno !== undefined && READ_ONLY.includes(errno),
  clusterWait: () => new GaleraWait(),
  failureKind: ({ errno, sqlState, text }: DriverFailure) => {
    // An error without a SQLSTATE comes from the connection or the pool, not from the server.
    if (errno === undefined || sqlState === undefined) return 'outage';
    if (errno === WRONG_VALUE)
      return text.startsWith('Incorrect string') ? 'unstorable' : 'mistake';
    const known = KINDS[errno];
    if (known !== undefined) return known;
    if (OUTAGES.has(errno) || sqlState.startsWith('08')) return 'outage';
    // The class of all transactions that were undone, such as by group replication.
    if (sqlState.startsWith('40')) return 'conflict';
    return sqlState.startsWith('45') ? 'raised' : 'mistake';
  },
  charsets: {
    statement: (tables) => ({
      sql: [
        ...tables.map(
          (table, number) =>
            `SELECT DISTINCT CHARACTER_SET_NAME AS charset, '${number}' AS place FROM information_schema.COLUMNS ` +
            `WHERE TABLE_SCHEMA = COALESCE(${table.parameter(2 * number)}, DATABASE()) ` +
            `AND TABLE_NAME = ${table.parameter(2 * number + 1)} AND CHARACTER_SET_NAME NOT IN (${WHOLE_CHARSETS})`,
        ),
        `SELECT @@character_set_client, 'connection' FROM DUAL ` +
          `WHERE @@character_set_client NOT IN (${WHOLE_CHARSETS})`,
      ].join(' UNION '),
      parameters: tables.flatMap(({ place }) => [place.database ?? null, place.table]),
    }),
    cure: ({ charset, place }, [table]) =>
      place === 'connection'
        ? `The connection to ${table} has the charset ${charset}, which lacks characters. ` +
          "Remove `charset` from the data source's options."
        : `${table} has the charset ${charset}, which lacks characters. ` +
          `Run \`ALTER TABLE ${table} CONVERT TO CHARACTER SET utf8mb4\`.`,
  },
  unstorableCure: (_, table) =>
    `The charset of ${table}, or of the connection, lacks a character. Run ` +
    `\`ALTER TABLE ${table} CONVERT TO CHARACTER SET utf8mb4\` and remove \`charset\` from the data source's options.`,
};

/** MySQL through Amazon's Data API, which has no cluster to wait for. */
export const auroraMysql: Dialect = {
  ...mysql,
  drivers: ['aurora-mysql'],
  clusterWait: undefined,
};
