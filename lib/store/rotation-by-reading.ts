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

/** The row before a rotation and after it. */
interface Step {
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

  // Fails if a row is locked, or is not as it was read. `undefined` for a row that is gone.
  async many(rotations: readonly Rotation[]): Promise<(SessionRecord | null | undefined)[]> {
    const read = await this.shared.find(rotations.map(({ handle }) => handle));
    const steps = rotations.map((rotation, index) => stepOf(rotation, read[index] ?? null));
    const taken = steps.filter((step) => step !== null);
    if (taken.length === 0) return steps.map(() => null);
    const { text, values } = this.statements;
    const { affected } = await this.database.attempt(text(taken.length), values(taken));
    const isGone =
      affected === taken.length ? () => false : await this.goneSince(taken.map(({ from }) => from));
    return steps.map((step) => step && (isGone(step.from) ? undefined : step.next));
  }

  private async goneSince(rows: readonly SessionRecord[]) {
    const found = await this.shared.find(rows.map(({ handle }) => handle));
    const handles = new Set(found.map((row) => row?.handle));
    return ({ handle }: SessionRecord): boolean => !handles.has(handle);
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function stepOf(rotation: Rotation, from: SessionRecord | null): Step | null {
  if (from === null || !mayRotate(from, rotation)) return null;
  return { from, next: afterRotation(from, rotation) };
}

const CHANGED = [
  ['parentRefreshTokenHash', (next: SessionRecord) => next.parentHash],
  ['rotatedAt', (next: SessionRecord) => next.rotatedAtMs],
  ['lastActiveAt', (next: SessionRecord) => next.lastActiveAtMs],
  ['expiresAt', (next: SessionRecord) => next.expiresAtMs],
] as const;

// The database tells how many rows it has changed, but not which: it must change all of them or none. A row that is not
// as it was read makes the statement overflow, which is an error in every SQL mode.
const OVERFLOW = '9223372036854775807';

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const any = table.parameter(0);
  const repeated = (text: string, count: number, by = ' '): string =>
    Array.from({ length: count }, () => text).join(by);
  const isAsRead =
    `${c('handle')} = ${any} AND ${c('generation')} = ${any} ` +
    `AND ${c('parentRefreshTokenHash')} = ${any} AND ${c('deviceKey')} IS NULL`;
  const next = `${c('generation')} + 1`;
  const textFor = (count: number): string => {
    const changes = CHANGED.map(
      ([property]) =>
        `${c(property)} = CASE ${c('handle')} ${repeated(`WHEN ${any} THEN ${any}`, count)} END`,
    );
    // By the primary key: in a small table, MariaDB would read and lock all rows.
    const update =
      `UPDATE ${table.name} FORCE INDEX (PRIMARY) SET ${c('generation')} = ` +
      `CASE ${repeated(`WHEN ${isAsRead} THEN ${next}`, count)} ELSE ${next} + ${OVERFLOW} END, ` +
      `${c('confirmedAt')} = NULL, ${changes.join(', ')} ` +
      table.where(`${c('handle')} IN (${repeated(any, count, ', ')})`);
    return table.dialect.failAtLock?.(update) ?? update;
  };
  return {
    text: rememberedByCount(textFor),
    values: (steps: readonly Step[]): unknown[] => [
      ...steps.flatMap(({ from }) => [from.handle, from.generation, from.parentHash]),
      ...CHANGED.flatMap(([, valueOf]) =>
        steps.flatMap((step) => [step.next.handle, valueOf(step.next)]),
      ),
      ...steps.map(({ from }) => from.handle),
    ],
  };
}
