import { Logger } from '@nestjs/common';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import type { OnlyConnection } from './dialect/dialect.js';
import type { SessionRevocation } from './session-revocation.entity.js';
import { runStatement } from './statement-result.js';
import type { Table } from './table.js';

const LONGEST_WAIT_MS = 2_000;
const PAUSE_MS = 2;
const WARNING =
  'A transaction of the application has kept SQLite’s only connection for two seconds. A session statement now becomes ' +
  'part of it, and is rolled back with it. Inside transactions, use `sessions.withManager(manager)`.';

/**
 * SQLite's only connection. Any statement during an open transaction is rolled back with it, even a login whose tokens
 * are on their way, or a revocation already reported. So our statements wait until the application's transaction is
 * over.
 */
export class SingleConnection {
  private readonly logger = new Logger('SessionModule');
  private ownTransactions: Promise<unknown> = Promise.resolve();
  private hasWarned = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly connection: OnlyConnection,
  ) {}

  /** Runs a statement while no transaction is open. */
  run<T>(statement: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner('master');
    // TypeORM's flag shows a transaction before its BEGIN. Two transactions at once can leave it set.
    const isFree = !runner.isTransactionActive && !this.isInTransaction(runner);
    return isFree ? statement(runner) : this.freeTurn(runner).then(() => statement(runner));
  }

  /**
   * Runs one of our transactions, after the earlier ones, and in its own turn of the event loop. It awaits only SQLite,
   * which answers at once, so no other statement or BEGIN comes between.
   */
  runTransaction<T>(transaction: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const begin = async (): Promise<T> => {
      const runner = this.dataSource.createQueryRunner('master');
      await this.freeTurn(runner);
      return transaction(runner);
    };
    const turn = this.ownTransactions.then(begin, begin);
    this.ownTransactions = turn.catch(() => undefined);
    return turn;
  }

  /**
   * On SQLite, a transaction that has read fails at its first write if another process has written meanwhile. A
   * transaction that begins with a write, even of no row, waits for its turn instead.
   */
  async takeWriteLock(runner: QueryRunner, { name }: Table<SessionRevocation>): Promise<void> {
    await runStatement(runner, `DELETE FROM ${name} WHERE 1 = 0`, []);
  }

  // Limited, because the transaction may itself be waiting for us, in a call that should have used `withManager`.
  private async freeTurn(runner: QueryRunner): Promise<void> {
    const untilMs = performance.now() + LONGEST_WAIT_MS;
    await nextTurn();
    while (this.isInTransaction(runner)) {
      if (performance.now() > untilMs) return this.warn();
      await pause(PAUSE_MS);
    }
  }

  private isInTransaction(runner: QueryRunner): boolean {
    const connection: unknown = Reflect.get(this.dataSource.driver, 'databaseConnection');
    return this.connection.isInTransaction(connection) ?? runner.isTransactionActive;
  }

  private warn(): void {
    if (!this.hasWarned) this.logger.warn(WARNING);
    this.hasWarned = true;
  }
}
