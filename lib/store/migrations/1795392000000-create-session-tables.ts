import { Table, type MigrationInterface, type QueryRunner } from 'typeorm';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import { sessionEntities } from '../entities.js';

/**
 * Creates the tables of the sessions, their keys and the revocation feed. It uses the data source's prefix, schema and
 * naming strategy. It leaves existing tables alone, so that an application can move away from `synchronize`. Reverting
 * it drops the tables, and every session with them.
 *
 * @publicApi
 */
// It always creates the tables of the current entities, so in a new database a later migration finds its column
// present.
export class CreateSessionTables1795392000000 implements MigrationInterface {
  // Repeated for bundlers, which rename classes: TypeORM remembers a migration by this name.
  readonly name = 'CreateSessionTables1795392000000';

  /** @throws {SessionConfigurationError} if the data source does not know the entities */
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of sessionTables(queryRunner)) await queryRunner.createTable(table, true);
  }

  /** @throws {SessionConfigurationError} if the data source does not know the entities */
  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of sessionTables(queryRunner)) await queryRunner.dropTable(table, true);
  }
}

function sessionTables(queryRunner: QueryRunner): Table[] {
  // oxlint-disable-next-line typescript/no-deprecated -- TypeORM 0.3 has no other name for it
  const dataSource = queryRunner.connection;
  return sessionEntities.map((entity) => {
    if (!dataSource.hasMetadata(entity)) {
      throw new SessionConfigurationError(
        `The data source of this migration does not know ${entity.name}. Add \`...sessionEntities\` to its \`entities\`.`,
      );
    }
    return Table.create(dataSource.getMetadata(entity), dataSource.driver);
  });
}
