import type { QueryRunner } from 'typeorm';

/** The result of a statement. */
export interface StatementResult {
  rows: readonly Readonly<Record<string, unknown>>[];
  affected: number;
}

export async function runStatement(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<StatementResult> {
  const result = await runner.query(sql, [...parameters], true);
  return { rows: result.records, affected: result.affected ?? 0 };
}
