/** How long the database took for a statement, or for a transaction of several. @publicApi */
export interface StatementTiming {
  operation: 'select' | 'insert' | 'update' | 'delete' | 'transaction';
  /** Includes waiting for a connection, and attempts that conflicted with another transaction. */
  seconds: number;
  outcome: 'done' | 'failed';
}

export type StatementListener = (timing: StatementTiming) => void;

/**
 * Runs a statement, and measures it if there is a listener.
 *
 * @param sql `undefined` for a transaction
 */
export function timed<T>(
  sql: string | undefined,
  listener: StatementListener | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return listener === undefined ? work() : measured(sql, listener, work);
}

async function measured<T>(
  sql: string | undefined,
  listener: StatementListener,
  work: () => Promise<T>,
): Promise<T> {
  const begunAt = performance.now();
  const tell = (outcome: StatementTiming['outcome']): void => {
    const seconds = (performance.now() - begunAt) / 1000;
    listener({ operation: operationOf(sql), seconds, outcome });
  };
  try {
    const result = await work();
    tell('done');
    return result;
  } catch (error) {
    tell('failed');
    throw error;
  }
}

// A statement may begin with other words before its operation, such as WITH or SET STATEMENT.
function operationOf(sql: string | undefined): StatementTiming['operation'] {
  if (sql === undefined) return 'transaction';
  const itself = sql.replace(/^SET STATEMENT .*? FOR /, '');
  const [, verb = 'select'] = /(?<!\bFOR )\b(insert|update|delete)\b/i.exec(itself) ?? [];
  return verb.toLowerCase() as StatementTiming['operation'];
}
