import { Table, type MigrationInterface, type QueryRunner } from 'typeorm';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import { sessionEntities } from '../entities.js';

/**
 * Creates the tables of the sessions, their keys and the revocation feed as the data source knows the entities: under its
 * prefix, in its schema, by its naming strategy. Tables that are there already stay as they are, so that an application
 * can go over from `synchronize`; reverting it drops them, and with them every session.
 *
 * @publicApi
 */
// It always creates the tables of today's entities: a later migration finds its column there in a new database.
export class CreateSessionTables1795392000000 implements MigrationInterface {
  // Said once more for bundlers, which rename classes: TypeORM remembers a migration by this name.
  readonly name = 'CreateSessionTables1795392000000';

  /** @throws {SessionConfigurationError} when the data source does not know the entities */
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of sessionTables(queryRunner)) await queryRunner.createTable(table, true);
  }

  /** @throws {SessionConfigurationError} when the data source does not know the entities */
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
