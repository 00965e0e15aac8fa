import { DataSource } from 'typeorm';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  runIn,
  typeormOptions,
  type Engine,
} from '../databases.js';
import { seedingFor } from '../seeding.js';
import type { Settings } from '../settings.js';
import { plain, type Line } from '../table.js';

const ROWS = 200_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const TABLES = ['auth_session', 'auth_session_revocation'];

/** What a database says of a table's size: of its rows, and of all its indexes but MariaDB's primary one, which has the rows. */
const SIZES: Readonly<Record<Engine, string>> = {
  sqlite: `SELECT m.tbl_name AS "table", m.type = 'index' AS "isIndex", SUM(s.pgsize) AS "bytes"
    FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1, 2`,
  postgres: `SELECT relname AS "table", false AS "isIndex", pg_relation_size(oid) AS "bytes" FROM pg_class WHERE relkind = 'r'
    UNION ALL SELECT relname, true, pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r'`,
  mariadb: `SELECT table_name AS \`table\`, index_name <> 'PRIMARY' AS isIndex, SUM(stat_value) * @@innodb_page_size AS bytes
    FROM mysql.innodb_index_stats WHERE stat_name = 'size' AND database_name = DATABASE() GROUP BY 1, 2`,
};

interface Size {
  readonly table: string;
  readonly isIndex: unknown;
  readonly bytes: string | number;
}

/** How many bytes a row takes, and its place in each index, in tables that were filled in the order of time. */
export async function measureStorage(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  for (const engine of await presentEngines(settings.engines)) {
    const database = await createDatabase(engine);
    const seeding = seedingFor(engine);
    await runIn(database, seeding.sessions(ROWS, 100 * DAY_MS, true));
    await runIn(database, seeding.revocations(ROWS));
    for (const table of TABLES) await runIn(database, seeding.analyze(table));
    const dataSource = await new DataSource(typeormOptions(database)).initialize();
    const sizes = await dataSource.query<Size[]>(SIZES[engine]);
    await dataSource.destroy();
    await database.drop();
    for (const table of TABLES) {
      for (const { isIndex, bytes } of sizes.filter((each) => each.table === table)) {
        const what = Number(isIndex) === 0 ? 'the row' : 'its indexes';
        lines.push(
          plain(`${ENGINE_NAMES[engine]}, ${table}: ${what}`, Number(bytes) / ROWS, 'bytes'),
        );
      }
    }
  }
  return lines;
}
