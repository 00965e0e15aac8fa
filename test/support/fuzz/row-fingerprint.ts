import type { DataSource } from 'typeorm';

const TABLES = ['auth_session', 'auth_session_key', 'auth_session_revocation'] as const;

/** Tells whether any row of any table has changed, cheaply enough to be asked after every request. */
export class RowFingerprint {
  private constructor(
    private readonly dataSource: DataSource,
    private readonly read: () => unknown,
  ) {}

  static of(dataSource: DataSource): RowFingerprint {
    return new RowFingerprint(dataSource, readerFor(dataSource));
  }

  /** The same as before as long as nothing has been written. */
  async now(): Promise<string> {
    return JSON.stringify(await this.read());
  }

  /** Every row, which takes longer. */
  async rows(): Promise<string> {
    const tables = TABLES.map((table) =>
      this.dataSource.query(`SELECT * FROM ${table} ORDER BY 1`),
    );
    return JSON.stringify(await Promise.all(tables));
  }
}

function readerFor(dataSource: DataSource): () => unknown {
  const { type } = dataSource.options;
  if (type === 'better-sqlite3') {
    // All that its only connection has ever written, rows that stayed what they were included.
    const { databaseConnection } = dataSource.driver as unknown as SqliteDriver;
    const statement = databaseConnection.prepare('SELECT total_changes()').pluck();
    return () => statement.get();
  }
  if (type === 'postgres') {
    const sums = TABLES.map(
      (table) =>
        `SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM ${table} t`,
    );
    return () => dataSource.query(sums.join(' UNION ALL '));
  }
  if (type === 'mariadb') return () => dataSource.query(`CHECKSUM TABLE ${TABLES.join(', ')}`);
  throw new Error(`no fingerprint of rows for ${type}`);
}

interface SqliteDriver {
  readonly databaseConnection: {
    prepare(sql: string): { pluck(): { get(): unknown } };
  };
}
