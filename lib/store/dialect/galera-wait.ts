import type { QueryRunner } from 'typeorm';
import type { ClusterWait } from './dialect.js';

// Before SELECT and BEGIN (1), UPDATE and DELETE (2), INSERT (4).
const WAIT = 'wsrep_sync_wait = 7';
const SETTING = 'SET STATEMENT ';
const VARIABLES = "SHOW VARIABLES WHERE Variable_name IN ('wsrep_on', 'version')";

/**
 * The nodes of a MariaDB Galera cluster apply each other's commits a moment late. A session that another node has just
 * made would be unknown: its user would be logged out, and revoking it would find nothing. So each of our statements
 * first waits until its node has all earlier commits, whatever the server's own setting.
 */
export class GaleraWait implements ClusterWait {
  private isNeeded: boolean | undefined;

  async beforeStatement(runner: QueryRunner, sql: string): Promise<string> {
    if (!(await this.isInCluster(runner))) return sql;
    // A statement can't have the prefix twice, but can set several variables.
    return sql.startsWith(SETTING)
      ? `${SETTING}${WAIT}, ${sql.slice(SETTING.length)}`
      : `${SETTING}${WAIT} FOR ${sql}`;
  }

  async beforeTransaction(runner: QueryRunner): Promise<void> {
    if (await this.isInCluster(runner)) await runner.query(`${SETTING}${WAIT} FOR SELECT 1`);
  }

  private async isInCluster(runner: QueryRunner): Promise<boolean> {
    if (this.isNeeded === undefined) {
      const { records } = await runner.query(VARIABLES, [], true);
      this.isNeeded = isGalera(records);
    }
    return this.isNeeded;
  }
}

/** MySQL has no SET STATEMENT, so the server's own setting applies there. */
function isGalera(variables: readonly Readonly<Record<string, unknown>>[]): boolean {
  const values = new Map(variables.map((row) => [row['Variable_name'], String(row['Value'])]));
  return values.get('wsrep_on') === 'ON' && /mariadb/i.test(values.get('version') ?? '');
}
