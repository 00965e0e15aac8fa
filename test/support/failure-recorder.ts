import type { Logger } from 'typeorm';

/** Notes the code of every statement that fails: give it to a data source as its `logger`, with `logging: true`. */
export class FailureRecorder implements Logger {
  readonly codes: unknown[] = [];

  /** How often statements have failed with this code. */
  count(code: string): number {
    return this.codes.filter((each) => each === code).length;
  }

  logQueryError(error: string | (Error & { code?: unknown })): void {
    this.codes.push(typeof error === 'string' ? error : error.code);
  }

  logQuery(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
