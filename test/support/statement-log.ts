import type { Logger } from 'typeorm';

/** A statement as it was sent. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Keeps what a data source sends: give it as its `logger`, with `logging: true`. */
export class StatementLog implements Logger {
  private statements: Statement[] = [];

  get length(): number {
    return this.statements.length;
  }

  /** What was sent after the first so many statements. */
  since(length: number): Statement[] {
    return this.statements.slice(length);
  }

  logQuery(sql: string, parameters: readonly unknown[] = []): void {
    this.statements.push({ sql, parameters });
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
