import type { Logger } from 'typeorm';

/** A statement as it was sent. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Keeps what a data source sends: give it as its `logger`, with `logging: true`. */
export class StatementLog implements Logger {
  private statements: Statement[] = [];
  private readonly awaited: { text: RegExp; work: () => void }[] = [];

  get length(): number {
    return this.statements.length;
  }

  /** What was sent after the first so many statements. */
  since(length: number): Statement[] {
    return this.statements.slice(length);
  }

  /** Does something just before the next statement like this is sent. */
  onNext(text: RegExp, work: () => void): void {
    this.awaited.push({ text, work });
  }

  logQuery(sql: string, parameters: readonly unknown[] = []): void {
    this.statements.push({ sql, parameters });
    const next = this.awaited.findIndex(({ text }) => text.test(sql));
    if (next >= 0) this.awaited.splice(next, 1)[0]?.work();
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
