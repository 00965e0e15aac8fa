import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { Flaw } from '../errors/flaw.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { sessionEntities } from './entities.js';
import { Session } from './session.entity.js';
import type { SessionDatabase } from './session-database.js';

const LACKS = ['no table', 'no column'] as const;

// The second one is later, and its last part is smaller.
const ORDERED_HANDLES = [
  '00000000-0000-7000-8000-ffffffffffff',
  'ffffffff-ffff-7000-8000-000000000000',
];

const MIGRATIONS =
  "run the migrations (`migrations: [...sessionMigrations], migrationsRun: true` with sessionMigrations from 'nestjs-auth-sessions/migrations')";

/**
 * Finds at start an uninitialized data source, unknown entities, missing tables or columns, handles in a wrong order,
 * and charsets that lack characters. Any of these flaws would break every request.
 *
 * @throws {SessionConfigurationError} that names what is missing and the line to add
 * @throws {SessionStoreUnavailableException} if the database can't be reached
 */
export async function checkSchema(database: SessionDatabase): Promise<void> {
  const flaw =
    (await schemaFlaw(database)) ?? (await orderFlaw(database)) ?? (await charsetFlaw(database));
  if (flaw === undefined) return;
  const { code, cause, cure } = flaw;
  // Each cure of a charset already names its cause.
  throw new SessionConfigurationError(code === 'charsets' ? cure : `${cause} ${cure}`);
}

/** Finds entities that the data source does not know, and tables or columns that the database lacks. */
export async function schemaFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  const unknown = sessionEntities.filter((entity) => !database.hasEntity(entity));
  if (unknown.length > 0 && !database.dataSource.isInitialized) {
    return {
      code: 'data-source',
      cause:
        'The data source is not initialized yet, but sessions need it when the application starts.',
      cure: 'Remove `manualInitialization` from TypeOrmModule, or call `initialize()` of the data source in an earlier provider.',
    };
  }
  if (unknown.length > 0) {
    return {
      code: 'data-source',
      cause: `The data source does not know ${unknown.map((entity) => entity.name).join(', ')}.`,
      cure: 'Add `autoLoadEntities: true` to TypeOrmModule.forRoot, or `...sessionEntities` to its `entities`.',
    };
  }
  const lacks: string[] = [];
  for (const entity of sessionEntities) {
    const lack = await lackOf(database, entity);
    const { name } = database.table(entity);
    if (lack === 'table') lacks.push(`no table ${name}`);
    else if (lack.length > 0) lacks.push(`an older ${name}, which lacks ${lack.join(', ')}`);
  }
  if (lacks.length === 0) return undefined;
  return {
    code: 'tables',
    cause: `The database has ${lacks.join(', ')}.`,
    cure: `In TypeOrmModule.forRoot ${MIGRATIONS}, or set \`synchronize: true\` in development.`,
  };
}

/** Finds what the database lacks of an entity: its table, or some of its columns. */
async function lackOf(
  database: SessionDatabase,
  entity: EntityTarget<ObjectLiteral>,
): Promise<'table' | readonly string[]> {
  const table = database.table(entity);
  const lack = await database.failureAmong(LACKS, table.probe());
  if (lack !== 'no column') return lack === undefined ? [] : 'table';
  const missing: string[] = [];
  for (const column of table.allColumns) {
    const isMissing = (await database.failureAmong(LACKS, table.probe([column]))) !== undefined;
    if (isMissing) missing.push(column);
  }
  return missing;
}

/**
 * Finds a column that orders handles otherwise than by time. Early versions of MariaDB's UUID type do: there a revocation
 * of all sessions would find none of them.
 */
export async function orderFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  const table = database.table(Session);
  const handle = table.column('handle');
  // Each handle gets the column's type.
  const [earlier, later] = ORDERED_HANDLES.map(
    (each) => `COALESCE((${table.probe([handle])}), '${each}')`,
  );
  const { rows } = await database.run(`SELECT ${earlier} < ${later} AS ordered`);
  // A number, or PostgreSQL's boolean.
  if (Number(rows[0]?.['ordered']) === 1) return undefined;
  return {
    code: 'tables',
    cause: `The column ${handle} of ${table.name} does not order handles by time, so revoked sessions could come back.`,
    cure: `Use MariaDB 10.11.6 or later, and run \`ALTER TABLE ${table.name} FORCE\` if an earlier one has made the table.`,
  };
}

/**
 * Finds charsets that lack characters. Outside of strict mode, MySQL and MariaDB replace each of these with a question
 * mark, so the sessions of two users could become one user's.
 */
export async function charsetFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  const { charsets } = database.dialect;
  if (charsets === undefined) return undefined;
  const tables = sessionEntities.map((entity) => database.table(entity));
  const { sql, parameters } = charsets.statement(tables);
  const { rows } = await database.run(sql, parameters);
  const cures = rows.map((row) => {
    const [charset, place] = [String(row['charset']), String(row['place'])];
    const concerned = tables.filter((_, number) => place === String(number));
    const names = (concerned.length > 0 ? concerned : tables).map(({ name }) => name);
    return charsets.cure({ charset, place }, names);
  });
  if (cures.length === 0) return undefined;
  return {
    code: 'charsets',
    cause: 'A charset lacks characters: the ids of two users could become one.',
    cure: cures.join(' '),
  };
}
