import type { RotationStep } from '../rotation.js';
import type { SessionRecord } from '../session-record.js';
import type { Session } from '../session.entity.js';
import type { Table } from '../table.js';
import type { ManyReadRotations } from './dialect.js';

/** Makes a statement fail where it would wait for a row's lock. */
export const FAIL_AT_LOCK = 'SET STATEMENT innodb_lock_wait_timeout = 0 FOR ';

// MariaDB tells how many rows it has changed, but not which: the statement must change all of them or none. A row that
// is not as it was read makes it overflow, which is an error in every SQL mode and undoes the whole statement in InnoDB.
const OVERFLOW = '9223372036854775807';

const CHANGED = [
  ['parentRefreshTokenHash', (next: SessionRecord) => next.parentHash],
  ['rotatedAt', (next: SessionRecord) => next.rotatedAtMs],
  ['lastActiveAt', (next: SessionRecord) => next.lastActiveAtMs],
  ['expiresAt', (next: SessionRecord) => next.expiresAtMs],
] as const;

/** Many rotations of rows that were read, in one statement of MariaDB. */
export const manyReadRotations: ManyReadRotations = { text: textFor, values: valuesOf };

function valuesOf(steps: readonly RotationStep[]): unknown[] {
  return [
    ...steps.flatMap(({ from }) => [from.handle, from.generation, from.parentHash]),
    ...CHANGED.flatMap(([, valueOf]) => steps.flatMap(({ next }) => [next.handle, valueOf(next)])),
    ...steps.map(({ from }) => from.handle),
  ];
}

function textFor(table: Table<Session>, count: number): string {
  const c = (property: keyof Session): string => table.column(property);
  const repeated = (text: string, by = ' '): string =>
    Array.from({ length: count }, () => text).join(by);
  const isAsRead = `${c('handle')} = ? AND ${c('generation')} = ? AND ${c('parentRefreshTokenHash')} = ? AND ${c('deviceKey')} IS NULL`;
  const next = `${c('generation')} + 1`;
  const changes = CHANGED.map(
    ([property]) => `${c(property)} = CASE ${c('handle')} ${repeated('WHEN ? THEN ?')} END`,
  );
  // By the primary key: in a small table, MariaDB would read and lock all rows.
  return (
    `${FAIL_AT_LOCK}UPDATE ${table.name} FORCE INDEX (PRIMARY) SET ${c('generation')} = ` +
    `CASE ${repeated(`WHEN ${isAsRead} THEN ${next}`)} ELSE ${next} + ${OVERFLOW} END, ` +
    `${c('confirmedAt')} = NULL, ${changes.join(', ')} ` +
    table.where(`${c('handle')} IN (${repeated('?', ', ')})`)
  );
}
