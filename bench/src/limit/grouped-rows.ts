import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import type { DatabasePlace } from '../databases.js';
import { grouped } from './grouped.js';
import {
  openMariaDbPool,
  openPool,
  openSqliteFile,
  won,
  type FoundRow,
  type LimitRows,
} from './limit-rows.js';
import { insertMany, limitSql, prepare, rotationValues } from './limit-sql.js';
import type { LimitRow, Presented } from './limit-tokens.js';

interface Rotation {
  readonly from: Presented;
  readonly next: LimitRow;
}

type GroupedRows = Omit<LimitRows, 'find'>;

/**
 * The limit program for many at once: what arrives while a statement is under way shares the next one, so that one
 * commit does for many.
 */
export function openGroupedRows({ engine, at }: DatabasePlace): GroupedRows {
  if (engine === 'sqlite') return openSqlite(at);
  return engine === 'postgres' ? openPostgres(at) : openMariaDb(at);
}

// One transaction for all that wait.
function openSqlite(at: string): GroupedRows {
  const database = openSqliteFile(at);
  const sql = limitSql('sqlite');
  const insertOne = database.prepare<unknown[]>(sql.insert.text);
  const rotateOne = database.prepare<unknown[], FoundRow>(sql.rotate.text);
  const insertAll = database.transaction((rows: LimitRow[]) =>
    rows.map((row) => insertOne.run(sql.insert.parametersOf({ ...row }))),
  );
  const rotateAll = database.transaction((rotations: Rotation[]) =>
    rotations.map(({ from, next }) =>
      won(rotateOne.get(sql.rotate.parametersOf(rotationValues(from, next)))),
    ),
  );
  const rotate = grouped<Rotation, FoundRow>((rotations) => rotateAll(rotations));
  return {
    insert: grouped<LimitRow, unknown>((rows) => insertAll(rows)),
    rotate: (from, next) => rotate({ from, next }),
  };
}

const ROTATE_MANY = `UPDATE "auth_session" SET "generation" = v.g, "parentRefreshTokenHash" = v.p, "rotatedAt" = v.n,
    "confirmedAt" = NULL, "lastActiveAt" = v.n, "expiresAt" = v.e
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::int[], $7::text[])
    AS v(h, g, p, n, e, og, op)
  WHERE "realm" = '' AND "handle" = v.h AND "generation" = v.og AND "parentRefreshTokenHash" = v.op AND "expiresAt" > v.n
  RETURNING "handle", "userId", "accessTokenPayload"`;

function openPostgres(at: string): GroupedRows {
  const pool = openPool(at);
  const insert = grouped<LimitRow, unknown>(async (rows) => {
    const { text, parametersOf } = insertMany('postgres', rows.length);
    const values = rows.flatMap((row) => parametersOf({ ...row }));
    await pool.query({ name: `insert ${rows.length}`, text, values });
    return rows;
  });
  const rotate = grouped<Rotation, FoundRow>(async (rotations) => {
    const values = [
      rotations.map(({ next }) => next.handle),
      rotations.map(({ next }) => next.generation),
      rotations.map(({ next }) => next.parentHash),
      rotations.map(({ next }) => next.nowMs),
      rotations.map(({ next }) => next.expiresAtMs),
      rotations.map(({ from }) => from.generation),
      rotations.map(({ from }) => from.parentHash),
    ];
    const query = { name: 'rotate many', text: ROTATE_MANY, values };
    const { rows } = await pool.query<FoundRow & { handle: string }>(query);
    const byHandle = new Map(rows.map((row) => [row.handle, row]));
    return rotations.map(({ next }) => won(byHandle.get(next.handle)));
  });
  return { insert, rotate: (from, next) => rotate({ from, next }) };
}

// A rotation of many: one read, and one update of the rows that are as their tokens say.
function openMariaDb(at: string): GroupedRows {
  const pool = openMariaDbPool(at).promise();
  const insert = grouped<LimitRow, unknown>(async (rows) => {
    const { text, parametersOf } = insertMany('mariadb', rows.length);
    await pool.query(
      text,
      rows.flatMap((row) => parametersOf({ ...row })),
    );
    return rows;
  });
  const first = prepare(
    'SELECT :handle AS h, :generation AS g, :parentHash AS p, :nowMs AS n, :expiresAtMs AS e, :fromGeneration AS og, :fromParentHash AS op',
    'mariadb',
  );
  const further = 'SELECT ?, ?, ?, ?, ?, ?, ?';
  const rotate = grouped<Rotation, FoundRow>(async (rotations) => {
    const [rows] = await pool.query<RowDataPacket[]>(
      "SELECT `handle`, `userId`, `accessTokenPayload` FROM `auth_session` WHERE `realm` = '' AND `handle` IN (?)",
      [rotations.map(({ from }) => from.handle)],
    );
    const byHandle = new Map(rows.map((row) => [row['handle'] as string, row as FoundRow]));
    const wanted = rotations.map((_, index) => (index === 0 ? first.text : further));
    const [{ affectedRows }] = await pool.query<ResultSetHeader>(
      `UPDATE \`auth_session\` AS s JOIN (${wanted.join(' UNION ALL ')}) AS v
         ON s.\`realm\` = '' AND s.\`handle\` = v.h AND s.\`generation\` = v.og AND s.\`parentRefreshTokenHash\` = v.op AND s.\`expiresAt\` > v.n
       SET s.\`generation\` = v.g, s.\`parentRefreshTokenHash\` = v.p, s.\`rotatedAt\` = v.n, s.\`confirmedAt\` = NULL,
         s.\`lastActiveAt\` = v.n, s.\`expiresAt\` = v.e`,
      rotations.flatMap(({ from, next }) => first.parametersOf(rotationValues(from, next))),
    );
    if (affectedRows !== rotations.length) throw new Error('lost a race');
    return rotations.map(({ from }) => won(byHandle.get(from.handle)));
  });
  return { insert, rotate: (from, next) => rotate({ from, next }) };
}
