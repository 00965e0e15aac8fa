import { type DataSource, Table } from 'typeorm';
import { Session, SessionRevocation } from '../../lib/index.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const SESSIONS_OF_A_USER = 5;

/** What differs between the databases in a statement that makes rows out of numbers. */
interface Dialect {
  /** A time of 48 bits in hex, and so the beginning of a time-ordered UUID. */
  hex: (number: string) => string;
  uuid: (text: string) => string;
  /** The type of 64 bits, as CAST has it. */
  bigint: string;
  analyze: (table: string) => string;
}

const DIALECTS: Readonly<Record<string, Dialect>> = {
  'better-sqlite3': {
    hex: (number) => `printf('%012x', ${number})`,
    uuid: (text) => text,
    bigint: 'bigint',
    analyze: (table) => `ANALYZE ${table}`,
  },
  postgres: {
    hex: (number) => `lpad(to_hex(${number}), 12, '0')`,
    uuid: (text) => `CAST(${text} AS uuid)`,
    bigint: 'bigint',
    analyze: (table) => `ANALYZE ${table}`,
  },
  mariadb: {
    hex: (number) => `lpad(lower(hex(${number})), 12, '0')`,
    uuid: (text) => text,
    bigint: 'signed',
    analyze: (table) => `ANALYZE TABLE ${table}`,
  },
};

/**
 * Sessions of users who have logged in one after the other, five times each, for longer than a session lives: the first
 * hundredth has expired. Of those of the last month, and of the day before it, the client is known.
 */
export async function fillWithSessions(
  dataSource: DataSource,
  count: number,
  nowMs: number,
): Promise<void> {
  const stepMs = Math.floor((101 * DAY_MS) / count);
  const createdAt = `(${nowMs - count * stepMs} + n * ${stepMs})`;
  const device = (value: string) =>
    `CASE WHEN ${createdAt} > ${nowMs - 31 * DAY_MS} THEN '${value}' END`;
  await fill(dataSource, Session, count, {
    realm: "''",
    handle: uuidAt(dataSource, createdAt),
    userId: userOf(count),
    tenantId: "'public'",
    generation: '3',
    parentRefreshTokenHash: "'5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592'",
    rotatedAt: createdAt,
    confirmedAt: createdAt,
    accessTokenPayload: `'{"plan":"free"}'`,
    sessionData: "'{}'",
    dataVersion: '0',
    persistent: 'true',
    createdAt,
    authenticatedAt: createdAt,
    lastActiveAt: createdAt,
    expiresAt: `${createdAt} + ${100 * DAY_MS}`,
    actor: 'NULL',
    impersonating: 'NULL',
    deviceKey: 'NULL',
    challengeAcceptedAt: 'NULL',
    ip: device('192.0.2.1'),
    userAgent: device('Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0'),
  });
}

/** Lines of the feed of the last week; those of its first hour are due to go. One in a thousand is a cut-off. */
export async function fillWithRevocations(
  dataSource: DataSource,
  count: number,
  nowMs: number,
): Promise<void> {
  const stepMs = Math.floor((7 * DAY_MS + HOUR_MS) / count);
  const revokedAt = `(${nowMs - count * stepMs} + n * ${stepMs})`;
  const isCutOff = 'n % 1000 = 0';
  await fill(dataSource, SessionRevocation, count, {
    realm: "''",
    id: uuidAt(dataSource, revokedAt),
    kind: `CASE WHEN ${isCutOff} THEN 'cut-off' ELSE 'session' END`,
    handle: `CASE WHEN ${isCutOff} THEN NULL ELSE ${uuidAt(dataSource, `${revokedAt} - ${DAY_MS}`)} END`,
    userId: userOf(count),
    tenantId: "'public'",
    cutOffAt: `CASE WHEN ${isCutOff} THEN ${revokedAt} END`,
    reason: "'revoked'",
    detail: `CASE WHEN n % 100 = 0 THEN concat('admin-', n) END`,
    revokedAt,
    expiresAt: `${revokedAt} + ${HOUR_MS}`,
    keptUntil: `${revokedAt} + ${7 * DAY_MS}`,
  });
}

function userOf(count: number): string {
  return `concat('user-', n % ${count / SESSIONS_OF_A_USER})`;
}

function uuidAt(dataSource: DataSource, atMs: string): string {
  const { hex, uuid } = dialectOf(dataSource);
  const time = hex(atMs);
  return uuid(
    `concat(substr(${time}, 1, 8), '-', substr(${time}, 9, 4), '-7000-8000-', ${hex('n')})`,
  );
}

/** One statement for all rows, whose values are expressions of `n`; then the planner learns of them. */
async function fill<Row extends object>(
  dataSource: DataSource,
  entity: new () => Row,
  count: number,
  values: Readonly<Record<keyof Row & string, string>>,
): Promise<void> {
  const { driver } = dataSource;
  const { bigint, analyze } = dialectOf(dataSource);
  const metadata = dataSource.getMetadata(entity);
  const table = driver.escape(Table.create(metadata, driver).name);
  const columns = metadata.columns.map((column) => driver.escape(column.databaseName));
  const expressions = metadata.columns.map(
    (column) => values[column.propertyName as keyof Row & string],
  );
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ');
  const places = ['a.d', 'b.d * 10', 'c.d * 100', 'd.d * 1000', 'e.d * 10000'].join(' + ');
  await dataSource.query(
    `INSERT INTO ${table} (${columns.join(', ')}) ` +
      `WITH digits AS (${digits}), numbers AS ` +
      `(SELECT CAST(1 + ${places} AS ${bigint}) AS n FROM digits a, digits b, digits c, digits d, digits e) ` +
      `SELECT ${expressions.join(', ')} FROM numbers WHERE n <= ${count} ORDER BY n`,
  );
  await dataSource.query(analyze(table));
}

function dialectOf({ options: { type } }: DataSource): Dialect {
  const dialect = DIALECTS[type];
  if (dialect === undefined) throw new Error(`rows can't be made on ${type}`);
  return dialect;
}
