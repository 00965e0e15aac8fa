import type { Engine } from '../databases.js';
import type { LimitRow, Presented } from './limit-tokens.js';

/** What a statement is asked with, by name. */
export type Values = Readonly<Record<string, unknown>>;

/** A statement as an engine wants it, and its parameters in their order. */
export interface Prepared {
  readonly text: string;
  readonly parametersOf: (values: Values) => unknown[];
}

/** What a rotation asks with: the row as the token says it is, and as it shall be. */
export function rotationValues(from: Presented, next: LimitRow): Values {
  return { ...next, fromGeneration: from.generation, fromParentHash: from.parentHash };
}

const COLUMNS =
  'realm handle userId tenantId generation parentRefreshTokenHash rotatedAt confirmedAt accessTokenPayload sessionData dataVersion persistent createdAt authenticatedAt lastActiveAt expiresAt ip userAgent'
    .split(' ')
    .map((name) => `"${name}"`)
    .join(', ');

// What each session has alone is a parameter; the rest stands in the statement.
const VALUES =
  "('', :handle, :userId, 'public', 0, :parentHash, :nowMs, NULL, '{}', '{}', 0, true, :nowMs, :nowMs, :nowMs, :expiresAtMs, NULL, NULL)";

const SET =
  'SET "generation" = :generation, "parentRefreshTokenHash" = :parentHash, "rotatedAt" = :nowMs, ' +
  '"confirmedAt" = NULL, "lastActiveAt" = :nowMs, "expiresAt" = :expiresAtMs';

const AS_PRESENTED =
  `WHERE "realm" = '' AND "handle" = :handle AND "generation" = :fromGeneration ` +
  'AND "parentRefreshTokenHash" = :fromParentHash AND "expiresAt" > :nowMs';

const insert = `INSERT INTO "auth_session" (${COLUMNS}) VALUES ${VALUES}`;
const find = `SELECT "userId", "accessTokenPayload" FROM "auth_session" WHERE "realm" = '' AND "handle" = :handle`;
const rotate = `UPDATE "auth_session" ${SET} ${AS_PRESENTED}`;
const rotateAndReturn = `${rotate} RETURNING "userId", "accessTokenPayload"`;

/** The statements of a login, a refresh, and a look at the row. `rotate` brings back what it can, by the engine. */
export function limitSql(engine: Engine) {
  const canReturn = engine !== 'mariadb';
  return {
    insert: prepare(insert, engine),
    find: prepare(find, engine),
    rotate: prepare(canReturn ? rotateAndReturn : rotate, engine),
  };
}

/** One insert for many: the parameters of each, one after the other. */
export function insertMany(engine: Engine, count: number): Prepared {
  const one = prepare(VALUES, engine);
  const perRow = one.parametersOf({}).length;
  const rows = Array.from({ length: count }, (_, row) =>
    one.text.replaceAll(/\$(\d+)/g, (__, position) => `$${Number(position) + row * perRow}`),
  );
  const text = `INSERT INTO "auth_session" (${COLUMNS}) VALUES ${rows.join(', ')}`;
  return { text: quoted(text, engine), parametersOf: one.parametersOf };
}

/** @param sql with `:name` for each parameter, and `"name"` for each of the database's names */
export function prepare(sql: string, engine: Engine): Prepared {
  const names: string[] = [];
  const text = sql.replaceAll(/:([a-z]\w*)/gi, (_, name: string) => {
    const isNumbered = engine === 'postgres';
    if (!isNumbered || !names.includes(name)) names.push(name);
    return isNumbered ? `$${names.indexOf(name) + 1}` : '?';
  });
  return {
    text: quoted(text, engine),
    parametersOf: (values) => names.map((name) => values[name]),
  };
}

function quoted(sql: string, engine: Engine): string {
  return engine === 'mariadb' ? sql.replaceAll('"', '`') : sql;
}
