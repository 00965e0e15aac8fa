import type { Dialect } from './dialect.js';
import { mysql } from './mysql.dialect.js';

/** MariaDB, which has RETURNING for a DELETE, and not for an UPDATE. */
export const mariadb: Dialect = { ...mysql, drivers: ['mariadb'], returnsDeleted: true };
