import type { Flaw } from '../errors/flaw.js';
import { sessionEntities } from './entities.js';
import type { SessionDatabase } from './session-database.js';

/**
 * Finds missing indexes. Everything works without them, but reads whole tables.
 *
 * @throws {SessionStoreUnavailableException} if the database can't be reached
 */
export async function indexFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  const lacks: string[] = [];
  await database.inspect(async (source, runner) => {
    for (const entity of sessionEntities) {
      const { tablePath, indices } = source.getMetadata(entity);
      const there = (await runner.getTable(tablePath))?.indices ?? [];
      // TypeORM tells PostgreSQL's columns in the order of the table.
      const known = new Set(there.map(({ columnNames }) => columnNames.toSorted().join()));
      for (const { columns } of indices) {
        const names = columns.map(({ databaseName }) => databaseName);
        if (!known.has(names.toSorted().join())) lacks.push(`${tablePath} (${names.join(', ')})`);
      }
    }
  });
  if (lacks.length === 0) return undefined;
  return {
    code: 'indexes',
    cause: `The database lacks indexes: ${lacks.join('; ')}. Their queries read whole tables.`,
    cure: 'Run the migrations of the package, or create these indexes by hand.',
  };
}
