import type { GroupedSessionStatements } from './grouped-session-statements.js';
import { RotationByReading, type OneByOne } from './rotation-by-reading.js';
import { RotationByReturning } from './rotation-by-returning.js';
import type { Rotation } from './rotation.js';
import type { SessionDatabase } from './session-database.js';
import type { SessionRecord } from './session-record.js';

/**
 * Rotations that a token alone requests, as this database makes them. Simultaneous ones share statements if it can.
 *
 * @returns `undefined` if the database neither returns updated rows nor can share the statements
 */
export function shareRotations(
  database: SessionDatabase,
  shared: GroupedSessionStatements,
  rows: OneByOne,
): ((rotation: Rotation) => Promise<SessionRecord | null>) | undefined {
  const { returnsUpdated, rotateMany, rotateManyRead } = database.dialect;
  if (returnsUpdated) {
    return database.share(new RotationByReturning(database), rotateMany !== undefined);
  }
  if (rotateManyRead === undefined) return undefined;
  return database.share(new RotationByReading(database, rotateManyRead, shared, rows));
}
