import { NO_PARENT_HASH } from '../tokens/refresh-token.js';
import { asciiJson } from './ascii-json.js';
import { numberOrNull, readActor, readJson, textOrNull } from './column-values.js';
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
  'actor',
  'impersonating',
  'deviceKey',
  'challengeAcceptedAt',
  'ip',
  'userAgent',
] as const satisfies readonly (keyof Session)[];

/** The columns with the client's data, which is removed after a while. */
export const DEVICE_COLUMNS = ['ip', 'userAgent'] as const satisfies readonly (keyof Session)[];

const WRITTEN_COLUMNS: ReadonlySet<keyof Session> = new Set([
  'handle',
  'generation',
  'parentRefreshTokenHash',
  'rotatedAt',
  'confirmedAt',
  'lastActiveAt',
  'expiresAt',
  'actor',
  'deviceKey',
  'challengeAcceptedAt',
]);
/** The columns that a rotation returns; it already knows the values that it writes or compares. */
export const KEPT_COLUMNS = SESSION_COLUMNS.filter((column) => !WRITTEN_COLUMNS.has(column));

/** The person who acts in a session as its user: their own session, and the reason. */
export interface SessionActor {
  readonly userId: string;
  readonly tenantId: string;
  readonly handle: string;
  readonly reason: string;
}

/** A session's row in the form that the code uses. Times in milliseconds since the epoch. */
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
  readonly actor: SessionActor | null;
  readonly impersonating: string | null;
  /** The text of `writeDeviceKey`; null if the session is bound to no device. */
  readonly deviceKey: string | null;
  readonly challengeAcceptedAtMs: number | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** What a new session begins with. Every other column has the value of a session that nothing has happened to. */
export type NewSession = Pick<
  SessionRecord,
  | 'handle'
  | 'userId'
  | 'tenantId'
  | 'accessTokenPayload'
  | 'sessionData'
  | 'persistent'
  | 'createdAtMs'
  | 'authenticatedAtMs'
  | 'lastActiveAtMs'
  | 'expiresAtMs'
  | 'actor'
  | 'ip'
  | 'userAgent'
>;

/** The row of a session that begins. */
export function newSessionRecord(given: NewSession): SessionRecord {
  return {
    handle: given.handle,
    userId: given.userId,
    tenantId: given.tenantId,
    generation: 0,
    parentHash: NO_PARENT_HASH,
    rotatedAtMs: given.lastActiveAtMs,
    confirmedAtMs: null,
    accessTokenPayload: given.accessTokenPayload,
    sessionData: given.sessionData,
    dataVersion: 0,
    persistent: given.persistent,
    createdAtMs: given.createdAtMs,
    authenticatedAtMs: given.authenticatedAtMs,
    lastActiveAtMs: given.lastActiveAtMs,
    expiresAtMs: given.expiresAtMs,
    actor: given.actor,
    impersonating: null,
    deviceKey: null,
    challengeAcceptedAtMs: null,
    ip: given.ip,
    userAgent: given.userAgent,
  };
}

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
    // As a number: TypeORM 0.3 passes parameters to SQLite unchanged, and SQLite accepts no booleans.
    Number(record.persistent),
    record.createdAtMs,
    record.authenticatedAtMs,
    record.lastActiveAtMs,
    record.expiresAtMs,
    record.actor && asciiJson(record.actor),
    record.impersonating,
    record.deviceKey,
    record.challengeAcceptedAtMs,
    record.ip,
    record.userAgent,
  ];
}

/** Drivers return bigint columns as strings or numbers, booleans as numbers, and JSON as the text that we wrote. */
export function toSessionRecord(row: Readonly<Record<string, unknown>>): SessionRecord {
  // Spelled out: spreading an outline here took 16 µs, a tenth of a refresh.
  return {
    handle: String(row['handle']),
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    generation: Number(row['generation']),
    parentHash: String(row['parentRefreshTokenHash']),
    rotatedAtMs: Number(row['rotatedAt']),
    confirmedAtMs: numberOrNull(row['confirmedAt']),
    accessTokenPayload: readJson(row, 'accessTokenPayload'),
    sessionData: readJson(row, 'sessionData'),
    dataVersion: Number(row['dataVersion']),
    persistent: Boolean(Number(row['persistent'])),
    createdAtMs: Number(row['createdAt']),
    authenticatedAtMs: Number(row['authenticatedAt']),
    lastActiveAtMs: Number(row['lastActiveAt']),
    expiresAtMs: Number(row['expiresAt']),
    actor: readActor(row['actor']),
    impersonating: textOrNull(row['impersonating']),
    deviceKey: textOrNull(row['deviceKey']),
    challengeAcceptedAtMs: numberOrNull(row['challengeAcceptedAt']),
    ip: textOrNull(row['ip']),
    userAgent: textOrNull(row['userAgent']),
  };
}

/** The values that a rotation writes. Times in milliseconds since the epoch. */
export interface WrittenByRotation {
  readonly parentHash: string;
  readonly atMs: number;
  /** When the session ends after the rotation. */
  readonly endsAtMs: ByPersistence;
}

/** Times that differ for sessions whose cookies outlive the browser and others. */
export interface ByPersistence {
  readonly persistent: number;
  readonly nonPersistent: number;
}

/**
 * The row after a rotation that has not read it, from the `KEPT_COLUMNS`, the handle and the generation that it has now,
 * and the values that were written.
 */
export function toRotatedRecord(
  row: Readonly<Record<string, unknown>>,
  { handle, generation }: Pick<SessionRecord, 'handle' | 'generation'>,
  { parentHash, atMs, endsAtMs }: WrittenByRotation,
): SessionRecord {
  const persistent = Boolean(Number(row['persistent']));
  return {
    handle,
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    generation,
    parentHash,
    rotatedAtMs: atMs,
    confirmedAtMs: null,
    accessTokenPayload: readJson(row, 'accessTokenPayload'),
    sessionData: readJson(row, 'sessionData'),
    dataVersion: Number(row['dataVersion']),
    persistent,
    createdAtMs: Number(row['createdAt']),
    authenticatedAtMs: Number(row['authenticatedAt']),
    lastActiveAtMs: atMs,
    expiresAtMs: persistent ? endsAtMs.persistent : endsAtMs.nonPersistent,
    actor: null,
    impersonating: textOrNull(row['impersonating']),
    deviceKey: null,
    challengeAcceptedAtMs: null,
    ip: textOrNull(row['ip']),
    userAgent: textOrNull(row['userAgent']),
  };
}
