import type { Flaw } from '../errors/flaw.js';
import { poolSizeOf } from './pool-size.js';
import type { SessionDatabase } from './session-database.js';

/**
 * Finds a pool in which sessions wait for the application, because a transaction holds a connection until its end.
 *
 * @throws {SessionStoreUnavailableException} if the database can't be reached
 */
export function poolFlaw(database: SessionDatabase): Promise<Flaw | undefined> {
  if (database.dialect.onlyConnection !== undefined) return Promise.resolve(undefined);
  return database.inspect((source) => {
    return Promise.resolve(
      poolSizeOf(source) < 2
        ? {
            code: 'pool-size',
            cause:
              'The pool has one connection: while a transaction of the application holds it, sessions wait, and finally answer 503.',
            cure: 'Remove `poolSize`, or set it to 10 for each instance.',
          }
        : undefined,
    );
  });
}
