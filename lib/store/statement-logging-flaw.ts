import type { DataSourceOptions } from 'typeorm';
import type { Flaw } from '../errors/flaw.js';
import type { SessionDatabase } from './session-database.js';

const QUERIES = ['query', 'error'] as const;

/**
 * Finds options of the data source with which TypeORM prints statements with their parameters.
 *
 * @throws {SessionStoreUnavailableException} if the database can't be reached
 */
export function statementLoggingFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  return database.inspect((source) => {
    const options = printing(source.options);
    return Promise.resolve(
      options.length > 0
        ? {
            code: 'statement-logging',
            cause: `TypeORM's ${options.join(' and ')} print the parameters of statements: hashes, claims, session data and new keys.`,
            cure: "Remove it from the sessions' data source, or set a `logger` that leaves parameters out.",
          }
        : undefined,
    );
  });
}

function printing({ logger, logging, maxQueryExecutionTime }: DataSourceOptions): string[] {
  // A logger of the application prints what the application chooses; `debug` is silent unless the environment asks.
  if (typeof logger === 'object' || logger === 'debug') return [];
  const isLogging =
    logging === true ||
    logging === 'all' ||
    (Array.isArray(logging) && QUERIES.some((each) => logging.includes(each)));
  return [
    ...(isLogging ? ['`logging`'] : []),
    // It prints slow statements whatever `logging` is.
    ...(Number(maxQueryExecutionTime) > 0 ? ['`maxQueryExecutionTime`'] : []),
  ];
}
