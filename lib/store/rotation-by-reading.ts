import type { ManyReadRotations } from './dialect/dialect.js';
import type { GroupedSessionStatements } from './grouped-session-statements.js';
import { afterRotation, mayRotate, type Rotation, type RotationStep } from './rotation.js';
import type { SessionDatabase } from './session-database.js';
import type { SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import type { SharedStatement } from './statement-group.js';
import { rememberedByCount, type Table } from './table.js';

/** One at a time, as `SessionStore` does it. */
export interface OneByOne {
  find(handle: string): Promise<SessionRecord | null>;
  beginGeneration(
    from: SessionRecord,
    next: SessionRecord,
    isOverdue: () => boolean,
  ): Promise<boolean>;
}

/**
 * Rotations on databases that can't return changed rows: they read the row, judge it, and change it by compare-and-swap.
 * Many of them share both statements.
 */
export class RotationByReading implements SharedStatement<Rotation, SessionRecord | null> {
  constructor(
    private readonly database: SessionDatabase,
    private readonly statement: ManyReadRotations,
    private readonly shared: GroupedSessionStatements,
    private readonly rows: OneByOne,
  ) {}

  keyOf({ handle }: Rotation): string {
    return handle;
  }

  async one(rotation: Rotation, isOverdue: () => boolean): Promise<SessionRecord | null> {
    const step = stepOf(rotation, await this.rows.find(rotation.handle));
    if (step === null) return null;
    return (await this.rows.beginGeneration(step.from, step.next, isOverdue)) ? step.next : null;
  }

  // Fails if a row is locked, or is not as it was read. `undefined` for a row that is gone.
  async many(
    rotations: readonly Rotation[],
    isOverdue: () => boolean,
  ): Promise<(SessionRecord | null | undefined)[]> {
    const read = await this.shared.find(rotations.map(({ handle }) => handle));
    const steps = rotations.map((rotation, index) => stepOf(rotation, read[index] ?? null));
    const taken = steps.filter((step) => step !== null);
    if (taken.length === 0) return steps.map(() => null);
    const text = this.textFor(taken.length);
    const values = this.statement.values(taken);
    const { affected } = await this.database.attempt(text, values, isOverdue);
    const left = affected === taken.length ? taken : await this.thoseLeft(taken, affected);
    return steps.map((step) => step && (left.includes(step) ? step.next : undefined));
  }

  private async thoseLeft(
    taken: readonly RotationStep[],
    affected: number,
  ): Promise<readonly RotationStep[]> {
    // They have rotated by now. If the rest can't be told apart, it is refused by the feed, as after any revocation.
    const found = await this.shared.find(taken.map(({ from }) => from.handle)).catch(() => null);
    if (found === null) return taken;
    const left = taken.filter((_, index) => found[index] !== null);
    if (left.length > affected) throw new Error('rows were found that were not changed');
    return left;
  }

  private get textFor(): (count: number) => string {
    return this.database.table(Session).once(this.prepare);
  }

  private readonly prepare = (table: Table<Session>): ((count: number) => string) =>
    rememberedByCount((count) => this.statement.text(table, count));
}

function stepOf(rotation: Rotation, from: SessionRecord | null): RotationStep | null {
  if (from === null || !mayRotate(from, rotation)) return null;
  return { from, next: afterRotation(from, rotation) };
}
