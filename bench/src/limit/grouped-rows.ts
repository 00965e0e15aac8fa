import type { FoundRow, LimitRows } from './limit-rows.js';
import { openPool, statements, toInsertParameters, withBoolean } from './limit-rows.js';
import type { LimitRow } from './limit-tokens.js';

const MAX_GROUP = 64;

/**
 * The limit program for many at once on PostgreSQL: what arrives while a statement is under way shares the next one, so
 * that one commit does for many.
 */
export function openGroupedRows(at: string): LimitRows {
  const pool = openPool(at);
  const sql = statements(
    (name) => `"${name}"`,
    (position) => `$${position + 1}`,
  );
  const insert = grouped<LimitRow, true>(async (rows) => {
    const parameters = rows.flatMap((row) => withBoolean(toInsertParameters(row)));
    await pool.query(sql.insert(rows.length), parameters);
    return rows.map(() => true);
  });
  const find = grouped<string, FoundRow>(async (handles) => {
    const { rows } = await pool.query<FoundRow>(
      'SELECT * FROM "auth_session" WHERE "handle" = ANY($1::uuid[])',
      [handles],
    );
    const byHandle = new Map(rows.map((row) => [row.handle, row]));
    return handles.map((handle) => byHandle.get(handle) as FoundRow);
  });
  const rotate = grouped<{ from: FoundRow; next: LimitRow }, boolean>(async (rotations) => {
    const { rows } = await pool.query<{ handle: string }>(
      `UPDATE "auth_session" SET "generation" = v.g, "parentRefreshTokenHash" = v.p, "rotatedAt" = v.n,
         "confirmedAt" = NULL, "lastActiveAt" = v.n, "expiresAt" = v.e
       FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::int[], $7::text[])
         AS v(h, g, p, n, e, og, op)
       WHERE "handle" = v.h AND "generation" = v.og AND "parentRefreshTokenHash" = v.op RETURNING "handle"`,
      [
        rotations.map(({ next }) => next.handle),
        rotations.map(({ next }) => next.generation),
        rotations.map(({ next }) => next.parentHash),
        rotations.map(({ next }) => next.nowMs),
        rotations.map(({ next }) => next.expiresAtMs),
        rotations.map(({ from }) => from.generation),
        rotations.map(({ from }) => from.parentRefreshTokenHash),
      ],
    );
    const won = new Set(rows.map(({ handle }) => handle));
    return rotations.map(({ next }) => won.has(next.handle));
  });
  return { insert, find, rotate: (from, next) => rotate({ from, next }) };
}

interface Waiting<Input, Output> {
  input: Input;
  resolve: (output: Output) => void;
  reject: (error: unknown) => void;
}

/** At most two statements of a kind are under way; the others wait for one that takes them all. */
function grouped<Input, Output>(
  run: (inputs: Input[]) => Promise<Output[]>,
): (input: Input) => Promise<Output> {
  const queue: Waiting<Input, Output>[] = [];
  let underWay = 0;
  const flush = async (): Promise<void> => {
    underWay += 1;
    while (queue.length > 0) {
      const group = queue.splice(0, MAX_GROUP);
      try {
        const outputs = await run(group.map(({ input }) => input));
        group.forEach(({ resolve }, index) => resolve(outputs[index] as Output));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    underWay -= 1;
  };
  return (input) =>
    new Promise((resolve, reject) => {
      queue.push({ input, resolve, reject });
      // Behind what else this turn of the event loop brings.
      if (underWay < 2) setImmediate(() => void (underWay < 2 && flush()));
    });
}
