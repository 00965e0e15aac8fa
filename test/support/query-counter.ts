import type { Logger } from 'typeorm';

/** Counts the statements of a data source: give it as its `logger`, with `logging: true`. */
export class QueryCounter implements Logger {
  private statements: string[] = [];

  /** How many statements named this table since the last reset. */
  count(table: string): number {
    return this.statements.filter((sql) => sql.includes(`"${table}"`)).length;
  }

  /** The statements since the last reset. */
  get all(): readonly string[] {
    return this.statements;
  }

  reset(): void {
    this.statements = [];
  }

  logQuery(sql: string): void {
    this.statements.push(sql);
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
