import type { Rotation } from '../rotation.js';
import { KEPT_COLUMNS } from '../session-record.js';
import type { Session } from '../session.entity.js';
import type { Table } from '../table.js';
import type { ManyRotations } from './dialect.js';

// The types of the values, in order.
const TYPES = [
  'uuid',
  'int',
  'varchar',
  'bigint',
  'bigint',
  'bigint',
  'varchar',
  'bigint',
  'bigint',
  'bigint',
];

/**
 * Many rotations in one statement of PostgreSQL. Locked rows are skipped. LATERAL makes PostgreSQL look up each handle
 * by the primary key; without statistics it would otherwise read the whole table.
 */
export const manyRotations: ManyRotations = { text: textFor, values: valuesOf };

function valuesOf({ handle, from, next }: Rotation): unknown[] {
  return [
    handle,
    from.generation,
    from.parentHash,
    from.confirmedByMs,
    from.activeAfterMs.persistent,
    from.activeAfterMs.nonPersistent,
    next.parentHash,
    next.atMs,
    next.endsAtMs.persistent,
    next.endsAtMs.nonPersistent,
  ];
}

function textFor(table: Table<Session>, count: number): string {
  const wanted = Array.from({ length: count }, (_, row) => {
    const values = TYPES.map(
      (type, index) => `CAST(${table.parameter(row * TYPES.length + index)} AS ${type})`,
    );
    return `(${values.join(', ')})`;
  });
  const c = (property: keyof Session): string => table.column(property);
  const own = (property: keyof Session): string => `own.${c(property)}`;
  const isAsPresented =
    `${own('handle')} = wanted.handle AND ${own('generation')} = wanted.generation ` +
    `AND ${own('parentRefreshTokenHash')} = wanted.parent AND ${own('expiresAt')} > wanted.at ` +
    `AND ${own('actor')} IS NULL ` +
    `AND ${own('deviceKey')} IS NULL ` +
    `AND (wanted.confirmed_by IS NULL OR ${own('confirmedAt')} <= wanted.confirmed_by) ` +
    `AND ${own('lastActiveAt')} > CASE WHEN ${own('persistent')} THEN wanted.persistent_since ELSE wanted.other_since END`;
  return (
    `WITH wanted(handle, generation, parent, confirmed_by, persistent_since, other_since, next_parent, at, persistent_end, other_end) ` +
    `AS (VALUES ${wanted.join(', ')}), ` +
    `unlocked AS (SELECT found.handle FROM wanted CROSS JOIN LATERAL (SELECT ${own('handle')} AS handle ` +
    `FROM ${table.name} AS own ${table.where(`${own('handle')} = wanted.handle`, 'own')} ` +
    `FOR UPDATE SKIP LOCKED) found), ` +
    `rotated AS (UPDATE ${table.name} AS own SET ${c('generation')} = wanted.generation + 1, ` +
    `${c('parentRefreshTokenHash')} = wanted.next_parent, ${c('rotatedAt')} = wanted.at, ` +
    `${c('confirmedAt')} = NULL, ${c('lastActiveAt')} = wanted.at, ` +
    `${c('expiresAt')} = CASE WHEN ${own('persistent')} THEN wanted.persistent_end ELSE wanted.other_end END ` +
    `FROM wanted JOIN unlocked ON unlocked.handle = wanted.handle ` +
    `${table.where(isAsPresented, 'own')} RETURNING ${own('handle')} AS handle, ${KEPT_COLUMNS.map((property) => `${own(property)} AS "${property}"`).join(', ')}) ` +
    `SELECT unlocked.handle AS asked, rotated.* ` +
    `FROM unlocked LEFT JOIN rotated ON rotated.handle = unlocked.handle`
  );
}
