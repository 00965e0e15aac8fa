import type { Dialect } from './dialect.js';
import { FAIL_AT_LOCK, manyReadRotations } from './mariadb-rotation.js';
import { mysql } from './mysql.dialect.js';
import { updateRows } from './update-rows.js';

/** MariaDB has RETURNING for a DELETE, but not for an UPDATE. Unlike MySQL, it has SET STATEMENT. */
export const mariadb: Dialect = {
  ...mysql,
  drivers: ['mariadb'],
  returnsDeleted: true,
  // An INSERT may wait for the lock on a gap.
  sharedInsert: (insertion) => FAIL_AT_LOCK + insertion,
  rotateManyRead: manyReadRotations,
  // In a small table, MariaDB would read and lock all rows.
  updateUnlocked: (update) => FAIL_AT_LOCK + updateRows(update, ' FORCE INDEX (PRIMARY)'),
};
