import type { Dialect } from './dialect.js';
import { mysql } from './mysql.dialect.js';

/** MariaDB has RETURNING for a DELETE, but not for an UPDATE. */
export const mariadb: Dialect = { ...mysql, drivers: ['mariadb'], returnsDeleted: true };
