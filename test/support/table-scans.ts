import type { DataSource, QueryRunner } from 'typeorm';
import type { Statement } from './statement-log.js';

const TABLES = /auth_session\b|auth_session_revocation\b/;
const READS = /^\s*(SELECT|UPDATE|DELETE|WITH)\b/i;

/** Whether a statement looks for rows of sessions or of revocations. */
export function looksForRows(statement: Statement): boolean {
  return READS.test(statement.sql) && TABLES.test(statement.sql) && !asksForNoRow(statement);
}

/** Whether a statement is there for its lock, or for the names in it: it reads nothing, however it is explained. */
export function asksForNoRow({ sql }: Statement): boolean {
  const emptied = sql.match(/\bWHERE 1 = 0\s*(?=\)|$)/g) ?? [];
  return emptied.length > 0 && emptied.length === sql.match(/\bFROM\b/g)?.length;
}

/** What a database says it would read from one end to the other for a statement; nothing where it goes by an index. */
export async function tableScansOf(
  dataSource: DataSource,
  statement: Statement,
): Promise<string[]> {
  const scansOn = SCANS[dataSource.options.type];
  if (scansOn === undefined) throw new Error(`${dataSource.options.type} is not asked`);
  const runner = dataSource.createQueryRunner();
  try {
    return await scansOn(runner, statement);
  } finally {
    await runner.release();
  }
}

type Explain = (runner: QueryRunner, statement: Statement) => Promise<string[]>;

const SCANS: Readonly<Record<string, Explain>> = {
  'better-sqlite3': async (runner, { sql, parameters }) => {
    const rows = await explained<{ detail: string }>(
      runner,
      `EXPLAIN QUERY PLAN ${sql}`,
      parameters,
    );
    const details = rows.map(({ detail }) => detail);
    // What a statement has selected itself, by an index or not: the steps of that are among these.
    const own = details.flatMap((detail) => /^CO-ROUTINE (\w+)$/.exec(detail)?.[1] ?? []);
    return details.filter((each) => each.startsWith('SCAN') && !own.includes(each.slice(5)));
  },

  mariadb: async (runner, { sql, parameters }) => {
    const rows = await explained<MariaDbStep>(runner, `EXPLAIN ${sql}`, parameters);
    return rows
      .filter(({ type, table }) => (type === 'ALL' || type === 'index') && TABLES.test(table ?? ''))
      .map(({ type, table, key, rows: count }) => `${type} of ${table} by ${key}: ${count} rows`);
  },

  // Planned for these parameters, and as a prepared statement is planned once it has been run a few times.
  postgres: async (runner, { sql, parameters }) => {
    const plans = await explained<PostgresAnswer>(
      runner,
      `EXPLAIN (FORMAT JSON) ${sql}`,
      parameters,
    );
    await runner.query('SET plan_cache_mode = force_generic_plan');
    await runner.query(`PREPARE explained AS ${sql}`);
    try {
      const none = parameters.length === 0 ? '' : `(${parameters.map(() => 'NULL').join(', ')})`;
      const execute = `EXPLAIN (FORMAT JSON) EXECUTE explained${none}`;
      const generic = await explained<PostgresAnswer>(runner, execute, []);
      const steps = [...plans, ...generic].flatMap((answer) =>
        answer['QUERY PLAN'].flatMap(({ Plan }) => stepsOf(Plan)),
      );
      return steps.filter(isScan).map((step) => `${step['Node Type']} ${JSON.stringify(step)}`);
    } finally {
      await runner.query('DEALLOCATE explained');
      await runner.query('RESET plan_cache_mode');
    }
  },
};

async function explained<Row>(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  return (await runner.query(sql, [...parameters])) as Row[];
}

interface MariaDbStep {
  table: string | null;
  type: string | null;
  key: string | null;
  rows: number;
}

interface PostgresStep {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Cond'?: string;
  Plans?: PostgresStep[];
}

interface PostgresAnswer {
  'QUERY PLAN': { Plan: PostgresStep }[];
}

function stepsOf({ Plans = [], ...step }: PostgresStep): PostgresStep[] {
  return [step, ...Plans.flatMap(stepsOf)];
}

/** An index that is read without a condition is read as a whole. */
function isScan(step: PostgresStep): boolean {
  const type = step['Node Type'];
  return type.includes('Seq Scan') || (/\bIndex\b/.test(type) && step['Index Cond'] === undefined);
}
