import { asciiJson } from './ascii-json.js';
import type { Session } from './session.entity.js';

/** The columns of a session's row, in the order of `toParameters`. */
export const SESSION_COLUMNS = [
  'handle',
  'userId',
  'tenantId',
  'generation',
  'parentRefreshTokenHash',
  'rotatedAt',
  'confirmedAt',
  'accessTokenPayload',
  'sessionData',
  'dataVersion',
  'persistent',
  'createdAt',
  'authenticatedAt',
  'lastActiveAt',
  'expiresAt',
  'ip',
  'userAgent',
] as const satisfies readonly (keyof Session)[];

const WRITTEN_COLUMNS: ReadonlySet<keyof Session> = new Set([
  'handle',
  'generation',
  'parentRefreshTokenHash',
  'rotatedAt',
  'confirmedAt',
  'lastActiveAt',
  'expiresAt',
]);
/** What a rotation brings back: what it writes, it knows. */
export const KEPT_COLUMNS = SESSION_COLUMNS.filter((column) => !WRITTEN_COLUMNS.has(column));

/** A session's row as the rest of the code reads it. Times in milliseconds since the epoch. */
export interface SessionRecord {
  readonly handle: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly generation: number;
  readonly parentHash: string;
  readonly rotatedAtMs: number;
  readonly confirmedAtMs: number | null;
  readonly accessTokenPayload: Readonly<Record<string, unknown>>;
  readonly sessionData: Readonly<Record<string, unknown>>;
  readonly dataVersion: number;
  readonly persistent: boolean;
  readonly createdAtMs: number;
  readonly authenticatedAtMs: number;
  readonly lastActiveAtMs: number;
  readonly expiresAtMs: number;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** The columns of a `SessionOutline`. */
export const OUTLINE_COLUMNS = [
  'handle',
  'userId',
  'tenantId',
  'createdAt',
  'expiresAt',
] as const satisfies readonly (keyof Session)[];

/**
 * What it takes to end a session: whose it is, and its times. What the application keeps in it is neither sent nor parsed,
 * so that a session can be ended whatever stands there.
 */
export type SessionOutline = Pick<
  SessionRecord,
  'handle' | 'userId' | 'tenantId' | 'createdAtMs' | 'expiresAtMs'
>;

/** A row's values for an INSERT. */
export function toParameters(record: SessionRecord): unknown[] {
  return [
    record.handle,
    record.userId,
    record.tenantId,
    record.generation,
    record.parentHash,
    record.rotatedAtMs,
    record.confirmedAtMs,
    asciiJson(record.accessTokenPayload),
    asciiJson(record.sessionData),
    record.dataVersion,
    // A number: TypeORM 0.3 gives SQLite the parameters as they are, and it takes no booleans.
    Number(record.persistent),
    record.createdAtMs,
    record.authenticatedAtMs,
    record.lastActiveAtMs,
    record.expiresAtMs,
    record.ip,
    record.userAgent,
  ];
}

export function toSessionOutline(row: Readonly<Record<string, unknown>>): SessionOutline {
  return {
    handle: String(row['handle']),
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    createdAtMs: Number(row['createdAt']),
    expiresAtMs: Number(row['expiresAt']),
  };
}

/** Drivers give bigint columns as strings or numbers, booleans as numbers, and JSON here as the text we wrote. */
export function toSessionRecord(row: Readonly<Record<string, unknown>>): SessionRecord {
  // Spelled out: spreading an outline in here took 16 µs, a tenth of a refresh.
  return {
    handle: String(row['handle']),
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    generation: Number(row['generation']),
    parentHash: String(row['parentRefreshTokenHash']),
    rotatedAtMs: Number(row['rotatedAt']),
    confirmedAtMs: row['confirmedAt'] === null ? null : Number(row['confirmedAt']),
    accessTokenPayload: readJson(row, 'accessTokenPayload'),
    sessionData: readJson(row, 'sessionData'),
    dataVersion: Number(row['dataVersion']),
    persistent: Boolean(Number(row['persistent'])),
    createdAtMs: Number(row['createdAt']),
    authenticatedAtMs: Number(row['authenticatedAt']),
    lastActiveAtMs: Number(row['lastActiveAt']),
    expiresAtMs: Number(row['expiresAt']),
    ip: textOrNull(row['ip']),
    userAgent: textOrNull(row['userAgent']),
  };
}

/** A nullable text column, as drivers give it. */
export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** What a column holds that the application's own values are kept in. @throws {Error} which has none of them in it */
export function readJson(
  row: Readonly<Record<string, unknown>>,
  column: 'accessTokenPayload' | 'sessionData',
): Record<string, unknown> {
  try {
    return JSON.parse(String(row[column])) as Record<string, unknown>;
  } catch {
    // What `JSON.parse` says has a piece of the user's data in it.
    throw new Error(`${column} of a session's row is no JSON: something else has written to it`);
  }
}
