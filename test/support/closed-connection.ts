import type { DataSource } from 'typeorm';

interface SqliteDriver {
  databaseConnection: { constructor: new (path: string) => { close(): void } };
  queryRunner: unknown;
}

/** Lets statements meet a connection of SQLite's that is closed, for as long as something goes on. */
export async function withClosedConnection(
  dataSource: DataSource,
  act: () => Promise<void>,
): Promise<void> {
  const driver = dataSource.driver as unknown as SqliteDriver;
  const { databaseConnection, queryRunner } = driver;
  const closed = new databaseConnection.constructor(':memory:');
  closed.close();
  // The runner remembers statements of the connection that it had.
  Object.assign(driver, { databaseConnection: closed, queryRunner: undefined });
  try {
    await act();
  } finally {
    Object.assign(driver, { databaseConnection, queryRunner });
  }
}
