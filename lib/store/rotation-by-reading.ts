import type { GroupedSessionStatements } from './grouped-session-statements.js';
import { afterRotation, mayRotate, type Rotation } from './rotation.js';
import type { SessionDatabase } from './session-database.js';
import type { SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import type { SharedStatement } from './statement-group.js';
import { rememberedByCount, type Table } from './table.js';

/** One at a time, as `SessionStore` does it. */
interface OneByOne {
  find(handle: string): Promise<SessionRecord | null>;
  beginGeneration(from: SessionRecord, next: SessionRecord): Promise<boolean>;
}

/** A rotation, the row that it begins from, and the row after it. */
interface Step {
  readonly rotation: Rotation;
  readonly from: SessionRecord;
  readonly next: SessionRecord;
}

/**
 * Rotations on databases that can't return changed rows: they read the row, judge it, and change it by compare-and-swap.
 * Many of them take two statements.
 */
export class RotationByReading implements SharedStatement<Rotation, SessionRecord | null> {
  constructor(
    private readonly database: SessionDatabase,
    private readonly shared: GroupedSessionStatements,
    private readonly rows: OneByOne,
  ) {}

  keyOf({ handle }: Rotation): string {
    return handle;
  }

  async one(rotation: Rotation): Promise<SessionRecord | null> {
    const from = await this.rows.find(rotation.handle);
    if (from === null || !mayRotate(from, rotation)) return null;
    const next = afterRotation(from, rotation);
    return (await this.rows.beginGeneration(from, next)) ? next : null;
  }

  // Fails at a locked row. `undefined` for a row that somebody else changed meanwhile.
  async many(rotations: readonly Rotation[]): Promise<(SessionRecord | null | undefined)[]> {
    const read = await this.shared.find(rotations.map(({ handle }) => handle));
    const steps = rotations.map((rotation, index) => stepOf(rotation, read[index] ?? null));
    const taken = steps.filter((step) => step !== null);
    if (taken.length === 0) return steps.map(() => null);
    const hasTakenAll = (await this.take(taken)) === taken.length;
    const taking = hasTakenAll ? taken : await this.won(taken);
    const won = new Set(taking);
    return steps.map((step) => step && (won.has(step) ? step.next : undefined));
  }

  private async take(steps: readonly Step[]): Promise<number> {
    const { text, values } = this.statements;
    const { affected } = await this.database.attempt(text(steps.length), values(steps));
    return affected;
  }

  // The database tells how many rows it changed, but not which. If two instances rotate with one token in the same
  // millisecond, both count as first. Each of them then has a sibling of the other's token.
  private async won(steps: readonly Step[]): Promise<readonly Step[]> {
    const rows = await this.shared.find(steps.map(({ next }) => next.handle));
    return steps.filter(({ next }, index) => {
      const row = rows[index];
      return (
        row?.generation === next.generation &&
        row.parentHash === next.parentHash &&
        row.rotatedAtMs === next.rotatedAtMs
      );
    });
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function stepOf(rotation: Rotation, from: SessionRecord | null): Step | null {
  if (from === null || !mayRotate(from, rotation)) return null;
  return { rotation, from, next: afterRotation(from, rotation) };
}

// For each row: what it is changed to, by its handle, and then what it was.
const CHANGED = [
  ['parentRefreshTokenHash', (next: SessionRecord) => next.parentHash],
  ['rotatedAt', (next: SessionRecord) => next.rotatedAtMs],
  ['lastActiveAt', (next: SessionRecord) => next.lastActiveAtMs],
  ['expiresAt', (next: SessionRecord) => next.expiresAtMs],
] as const;

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const anyParameter = table.parameter(0);
  const repeated = (text: string, count: number, by: string): string =>
    Array.from({ length: count }, () => text).join(by);
  const when = `WHEN ${anyParameter} THEN ${anyParameter}`;
  const asRead =
    `(${c('handle')} = ${anyParameter} AND ${c('generation')} = ${anyParameter} ` +
    `AND ${c('parentRefreshTokenHash')} = ${anyParameter})`;
  const textFor = (count: number): string => {
    const changes = CHANGED.map(
      ([property]) => `${c(property)} = CASE ${c('handle')} ${repeated(when, count, ' ')} END`,
    );
    // By the primary key: in a small table, MariaDB would read and lock all rows.
    const update =
      `UPDATE ${table.name} FORCE INDEX (PRIMARY) SET ${c('generation')} = ${c('generation')} + 1, ` +
      `${c('confirmedAt')} = NULL, ${changes.join(', ')} ` +
      table.where(`(${repeated(asRead, count, ' OR ')}) AND ${c('deviceKey')} IS NULL`);
    return table.dialect.failAtLock?.(update) ?? update;
  };
  return {
    text: rememberedByCount(textFor),
    values: (steps: readonly Step[]): unknown[] => [
      ...CHANGED.flatMap(([, valueOf]) =>
        steps.flatMap(({ next }) => [next.handle, valueOf(next)]),
      ),
      ...steps.flatMap(({ from }) => [from.handle, from.generation, from.parentHash]),
    ],
  };
}
