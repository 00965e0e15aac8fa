import type { SessionDatabase } from './session-database.js';
import { KEPT_COLUMNS, readJson, textOrNull, type SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import type { SharedStatement } from './statement-group.js';
import { rememberedByCount, type Table } from './table.js';

/** A rotation as a refresh token alone can ask for it: the row decides. Times in milliseconds since the epoch. */
export interface Rotation {
  readonly handle: string;
  readonly from: {
    readonly generation: number;
    readonly parentHash: string;
    /** When the generation must have been confirmed at the latest; null: confirmed or not. */
    readonly confirmedByMs: number | null;
  };
  readonly next: {
    readonly parentHash: string;
    readonly atMs: number;
    /** When the session then ends, by whether its cookies outlive the browser. */
    readonly endsAtMs: { readonly persistent: number; readonly nonPersistent: number };
  };
}

type KeptColumns = Readonly<Record<string, unknown>>;

/** The most that the column of generations holds. */
export const LAST_GENERATION = 2 ** 31 - 1;

/**
 * Rotations that judge a row and change it in one statement, on databases that can say what they have changed. A row
 * rotates where `decideRotation` lets it, and where its time is not over.
 */
export class RotationStatements {
  private readonly runShared: (rotation: Rotation) => Promise<SessionRecord | null>;

  constructor(private readonly database: SessionDatabase) {
    const statement: SharedStatement<Rotation, SessionRecord | null> = {
      one: (rotation) => this.one(rotation),
      many: (rotations) => this.many(rotations),
      keyOf: ({ handle }) => handle,
    };
    this.runShared = database.share(statement, database.dialect.rotateMany !== undefined);
  }

  /** @returns the row as it is now; `undefined` where it has not rotated */
  async run(rotation: Rotation): Promise<SessionRecord | undefined> {
    return (await this.runShared(rotation)) ?? undefined;
  }

  private async one(rotation: Rotation): Promise<SessionRecord | null> {
    const { handle, from, next } = rotation;
    const { rows } = await this.database.run(this.statements.one, [
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
    ]);
    return rows[0] ? rotatedRecord(rows[0], rotation) : null;
  }

  // Waits for no lock: `undefined` for a row that is locked or gone, or cannot be read, and where there is no such
  // statement.
  private async many(
    rotations: readonly Rotation[],
  ): Promise<(SessionRecord | null | undefined)[]> {
    const { many } = this.statements;
    if (many === undefined) return [];
    const parameters = rotations.flatMap((rotation) => many.values(rotation));
    const { rows } = await this.database.run(many.text(rotations.length), parameters);
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

// What somebody else wrote into one row must not fail the others, which have rotated by now.
function readable(row: KeptColumns, rotation: Rotation): SessionRecord | undefined {
  try {
    return rotatedRecord(row, rotation);
  } catch {
    return undefined;
  }
}

function rotatedRecord(row: KeptColumns, { handle, from, next }: Rotation): SessionRecord {
  const persistent = Boolean(Number(row['persistent']));
  return {
    handle,
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
    generation: from.generation + 1,
    parentHash: next.parentHash,
    rotatedAtMs: next.atMs,
    confirmedAtMs: null,
    accessTokenPayload: readJson(row, 'accessTokenPayload'),
    sessionData: readJson(row, 'sessionData'),
    dataVersion: Number(row['dataVersion']),
    persistent,
    createdAtMs: Number(row['createdAt']),
    authenticatedAtMs: Number(row['authenticatedAt']),
    lastActiveAtMs: next.atMs,
    expiresAtMs: persistent ? next.endsAtMs.persistent : next.endsAtMs.nonPersistent,
    ip: textOrNull(row['ip']),
    userAgent: textOrNull(row['userAgent']),
  };
}

function statementForOne(table: Table<Session>): string {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const isAsPresented =
    `${c('handle')} = ${p(6)} AND ${c('generation')} = ${p(7)} AND ${c('parentRefreshTokenHash')} = ${p(8)} ` +
    `AND ${c('expiresAt')} > ${p(9)} AND (CAST(${p(10)} AS bigint) IS NULL OR ${c('confirmedAt')} <= ${p(11)})`;
  return (
    `UPDATE ${table.name} SET ${c('generation')} = ${p(0)}, ${c('parentRefreshTokenHash')} = ${p(1)}, ` +
    `${c('rotatedAt')} = ${p(2)}, ${c('confirmedAt')} = NULL, ${c('lastActiveAt')} = ${p(3)}, ` +
    `${c('expiresAt')} = CASE WHEN ${c('persistent')} THEN CAST(${p(4)} AS bigint) ELSE CAST(${p(5)} AS bigint) END ` +
    `${table.where(isAsPresented)} RETURNING ${table.selection(KEPT_COLUMNS)}`
  );
}
