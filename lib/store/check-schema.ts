import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { sessionEntities } from './entities.js';
import type { SessionDatabase } from './session-database.js';

const MIGRATIONS =
  "run the migrations (`migrations: [...sessionMigrations], migrationsRun: true` with sessionMigrations from 'nestjs-auth-sessions/migrations')";

/**
 * Finds out at start what every request would run into: a data source that is not initialized, entities that it does not
 * know, tables or columns that the database does not have, and charsets that lack characters.
 *
 * @throws {SessionConfigurationError} naming what is missing and the line to add
 * @throws {SessionStoreUnavailableException} when the database can't be reached
 */
export async function checkSchema(database: SessionDatabase): Promise<void> {
  const unknown = sessionEntities.filter((entity) => !database.hasEntity(entity));
  if (unknown.length > 0 && !database.isInitialized) {
    throw new SessionConfigurationError(
      'The data source is not initialized yet, and sessions need it when the application starts. Leave out ' +
        '`manualInitialization` in TypeOrmModule, or call `initialize()` of the data source in a provider before.',
    );
  }
  if (unknown.length > 0) {
    throw new SessionConfigurationError(
      `The data source does not know ${unknown.map((entity) => entity.name).join(', ')}. ` +
        'Add `autoLoadEntities: true` to TypeOrmModule.forRoot, or `...sessionEntities` to its `entities`.',
    );
  }
  const lacks: string[] = [];
  for (const entity of sessionEntities) {
    const lack = await database.lackOf(entity);
    const { name } = database.table(entity);
    if (lack === 'table') lacks.push(`no table ${name}`);
    else if (lack.length > 0) lacks.push(`an older ${name}, which lacks ${lack.join(', ')}`);
  }
  if (lacks.length > 0) {
    throw new SessionConfigurationError(
      `The database has ${lacks.join(', ')}. In TypeOrmModule.forRoot ${MIGRATIONS}, or set \`synchronize: true\` in development.`,
    );
  }
  await checkCharsets(database);
}

// Outside of strict mode MySQL and MariaDB would put a question mark for each character that is lacking, and so take the
// sessions of two users for one's.
async function checkCharsets(database: SessionDatabase): Promise<void> {
  const { charsets } = database.dialect;
  if (charsets === undefined) return;
  const cures: string[] = [];
  for (const entity of sessionEntities) {
    const table = database.table(entity);
    const { sql, parameters } = charsets.statement(table);
    for (const { charset, place } of (await database.run(sql, parameters)).rows) {
      cures.push(charsets.cure({ charset: String(charset), place: String(place) }, table.name));
    }
  }
  if (cures.length > 0) throw new SessionConfigurationError(cures.join(' '));
}
