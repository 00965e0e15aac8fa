import type { Dialect } from './dialect.js';
import { mysql } from './mysql.dialect.js';

/** MariaDB has RETURNING for a DELETE, but not for an UPDATE. MySQL has no SET STATEMENT. */
export const mariadb: Dialect = {
  ...mysql,
  drivers: ['mariadb'],
  returnsDeleted: true,
  // An INSERT may wait for the lock on a gap.
  sharesInserts: true,
  failAtLock: (statement) => `SET STATEMENT innodb_lock_wait_timeout = 0 FOR ${statement}`,
};
