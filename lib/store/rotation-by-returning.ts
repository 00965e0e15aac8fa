import type { Rotation } from './rotation.js';
import type { SessionDatabase } from './session-database.js';
import { KEPT_COLUMNS, toRotatedRecord, type SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import type { SharedStatement } from './statement-group.js';
import { rememberedByCount, type Table } from './table.js';

type KeptColumns = Readonly<Record<string, unknown>>;

/**
 * Rotations that check and change a row in one statement, on databases that can return changed rows. The statement has
 * the conditions of `mayRotate`.
 */
export class RotationByReturning implements SharedStatement<Rotation, SessionRecord | null> {
  constructor(private readonly database: SessionDatabase) {}

  keyOf({ handle }: Rotation): string {
    return handle;
  }

  async one(rotation: Rotation, isOverdue: () => boolean): Promise<SessionRecord | null> {
    const { handle, from, next } = rotation;
    const values = [
      from.generation + 1,
      next.parentHash,
      next.atMs,
      next.atMs,
      next.endsAtMs.persistent,
      next.endsAtMs.nonPersistent,
      handle,
      from.generation,
      from.parentHash,
      next.atMs,
      from.confirmedByMs,
      from.confirmedByMs,
      from.activeAfterMs.persistent,
      from.activeAfterMs.nonPersistent,
    ];
    const { rows } = await this.database.run(this.statements.one, values, isOverdue);
    return rows[0] ? rotatedRecord(rows[0], rotation) : null;
  }

  // Waits for no lock. `undefined` for a row that is locked, gone or unreadable.
  async many(
    rotations: readonly Rotation[],
    isOverdue: () => boolean,
  ): Promise<(SessionRecord | null | undefined)[]> {
    const { many } = this.statements;
    if (many === undefined) return [];
    const parameters = rotations.flatMap((rotation) => many.values(rotation));
    const { rows } = await this.database.run(many.text(rotations.length), parameters, isOverdue);
    const unlocked = new Map(rows.map((row) => [row['asked'], row]));
    return rotations.map((rotation) => {
      const row = unlocked.get(rotation.handle);
      if (row === undefined) return undefined;
      return row['handle'] === null ? null : readable(row, rotation);
    });
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const { rotateMany } = table.dialect;
  return {
    one: statementForOne(table),
    many: rotateMany && {
      text: rememberedByCount((count) => rotateMany.text(table, count)),
      values: (rotation: Rotation) => rotateMany.values(rotation),
    },
  };
}

// An unreadable row, written by another program, must not fail the others, which have rotated by now.
function readable(row: KeptColumns, rotation: Rotation): SessionRecord | undefined {
  try {
    return rotatedRecord(row, rotation);
  } catch {
    return undefined;
  }
}

function rotatedRecord(row: KeptColumns, { handle, from, next }: Rotation): SessionRecord {
  return toRotatedRecord(row, { handle, generation: from.generation + 1 }, next);
}

function statementForOne(table: Table<Session>): string {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const isAsPresented =
    `${c('handle')} = ${p(6)} AND ${c('generation')} = ${p(7)} AND ${c('parentRefreshTokenHash')} = ${p(8)} ` +
    `AND ${c('expiresAt')} > ${p(9)} AND ${c('deviceKey')} IS NULL AND ${c('actor')} IS NULL AND (CAST(${p(10)} AS bigint) IS NULL OR ${c('confirmedAt')} <= ${p(11)}) ` +
    `AND ${c('lastActiveAt')} > CASE WHEN ${c('persistent')} THEN CAST(${p(12)} AS bigint) ELSE CAST(${p(13)} AS bigint) END`;
  return (
    `UPDATE ${table.name} SET ${c('generation')} = ${p(0)}, ${c('parentRefreshTokenHash')} = ${p(1)}, ` +
    `${c('rotatedAt')} = ${p(2)}, ${c('confirmedAt')} = NULL, ${c('lastActiveAt')} = ${p(3)}, ` +
    `${c('expiresAt')} = CASE WHEN ${c('persistent')} THEN CAST(${p(4)} AS bigint) ELSE CAST(${p(5)} AS bigint) END ` +
    `${table.where(isAsPresented)} RETURNING ${table.selection(KEPT_COLUMNS)}`
  );
}
