import { numberOrNull, readActor, readJson, textOrNull } from './column-values.js';
import { DEVICE_COLUMNS, type SessionRecord } from './session-record.js';
import type { Session } from './session.entity.js';

/** The columns of a `SessionOutline`. */
export const OUTLINE_COLUMNS = [
  'handle',
  'userId',
  'tenantId',
  'persistent',
  'createdAt',
  'lastActiveAt',
  'confirmedAt',
  'expiresAt',
  'actor',
  'impersonating',
] as const satisfies readonly (keyof Session)[];

/**
 * The columns needed to end a session: its owner, its times, and what ends with it. The application's data is neither
 * sent nor parsed, so a session can be ended whatever its row contains.
 */
export type SessionOutline = Pick<
  SessionRecord,
  | 'handle'
  | 'userId'
  | 'tenantId'
  | 'persistent'
  | 'createdAtMs'
  | 'lastActiveAtMs'
  | 'confirmedAtMs'
  | 'expiresAtMs'
  | 'actor'
  | 'impersonating'
>;

/** The columns of a `HeldRow`. */
export const HELD_COLUMNS = [
  ...OUTLINE_COLUMNS,
  'deviceKey',
  'accessTokenPayload',
] as const satisfies readonly (keyof Session)[];

/** The properties of a session that is held open: when it ends, whether it is bound, and its claims. */
export type HeldRow = SessionOutline & Pick<SessionRecord, 'deviceKey' | 'accessTokenPayload'>;

/** The columns of a `SessionListing`. */
export const LISTING_COLUMNS = [
  ...OUTLINE_COLUMNS,
  'authenticatedAt',
  'deviceKey',
  ...DEVICE_COLUMNS,
] as const satisfies readonly (keyof Session)[];

/** The properties of a session in a list. */
export type SessionListing = SessionOutline &
  Pick<SessionRecord, 'authenticatedAtMs' | 'deviceKey' | (typeof DEVICE_COLUMNS)[number]>;

/** Reads the `OUTLINE_COLUMNS`. */
export function toSessionOutline(row: Readonly<Record<string, unknown>>): SessionOutline {
  return {
    handle: String(row['handle']),
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    persistent: Boolean(Number(row['persistent'])),
    createdAtMs: Number(row['createdAt']),
    lastActiveAtMs: Number(row['lastActiveAt']),
    confirmedAtMs: numberOrNull(row['confirmedAt']),
    expiresAtMs: Number(row['expiresAt']),
    actor: readActor(row['actor']),
    impersonating: textOrNull(row['impersonating']),
  };
}

/** Reads the `HELD_COLUMNS`. The payload is parsed when it is used, so that an unreadable one hides no end. */
export function toHeldRow(row: Readonly<Record<string, unknown>>): HeldRow {
  return {
    ...toSessionOutline(row),
    deviceKey: textOrNull(row['deviceKey']),
    get accessTokenPayload() {
      return readJson(row, 'accessTokenPayload');
    },
  };
}

/** Reads the `LISTING_COLUMNS`. */
export function toSessionListing(row: Readonly<Record<string, unknown>>): SessionListing {
  return {
    ...toSessionOutline(row),
    authenticatedAtMs: Number(row['authenticatedAt']),
    deviceKey: textOrNull(row['deviceKey']),
    ip: textOrNull(row['ip']),
    userAgent: textOrNull(row['userAgent']),
  };
}

/**
 * The rows of a user, in a tenant if one is given. MariaDB's default collations treat `bob`, `BOB` and `bób` as equal, so
 * the results of the index are compared again here.
 */
export function ofExactly<Row extends SessionOutline>(
  userId: string,
  tenantId: string | undefined,
  rows: readonly Row[],
): Row[] {
  return rows.filter((row) => row.userId === userId && (tenantId ?? row.tenantId) === row.tenantId);
}
