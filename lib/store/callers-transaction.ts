import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

const HOW = 'Give `withManager` the manager that `dataSource.transaction` hands to its function.';

/** Knows of each query runner of a data source how many of its transactions are over. */
export class TransactionEnds {
  private readonly ends = new WeakMap<QueryRunner, number>();

  constructor(dataSource: DataSource) {
    const count = ({ queryRunner }: { queryRunner: QueryRunner }): void => {
      // A savepoint's end is none.
      if (queryRunner.isTransactionActive) return;
      this.ends.set(queryRunner, this.of(queryRunner) + 1);
    };
    // SQLite has one query runner for all, on which somebody else's transaction may be next: its flag alone would not tell.
    dataSource.subscribers.push({ afterTransactionCommit: count, afterTransactionRollback: count });
  }

  of(runner: QueryRunner): number {
    return this.ends.get(runner) ?? 0;
  }
}

/** A transaction of the application's, by the manager that it was handed. */
export class CallersTransaction {
  readonly runner: QueryRunner;
  private readonly endsBefore: number;

  /**
   * @throws {TypeError} for a manager of another data source, of no transaction, or of a query runner that reads from a
   * replica: what is said to be part of a transaction would be part of none
   */
  constructor(
    manager: EntityManager,
    dataSource: DataSource,
    private readonly ends: TransactionEnds,
  ) {
    const { queryRunner } = manager;
    // By the driver, since libraries put proxies around data sources.
    // oxlint-disable-next-line typescript/no-deprecated -- TypeORM 0.3 has no other name for it
    if (manager.connection.driver !== dataSource.driver) {
      throw new TypeError(`This manager is of another data source than the sessions. ${HOW}`);
    }
    if (queryRunner?.getReplicationMode() === 'slave') {
      throw new TypeError(
        "This manager's query runner reads from a replica, which may lag. Give `withManager` the manager of a " +
          "transaction of `createQueryRunner('master')`.",
      );
    }
    if (queryRunner === undefined || !isOpen(queryRunner)) {
      throw new TypeError(`This manager is of no transaction that is open. ${HOW}`);
    }
    this.runner = queryRunner;
    this.endsBefore = ends.of(queryRunner);
  }

  /** @throws {TypeError} once the transaction is over: what is asked for would be part of none, or of the next one */
  checkOpen(): void {
    if (isOpen(this.runner) && this.ends.of(this.runner) === this.endsBefore) return;
    throw new TypeError(
      'The transaction of this manager is over. Await what is done with it inside, and call `withManager` in each one.',
    );
  }
}

function isOpen({ isTransactionActive, isReleased }: QueryRunner): boolean {
  return isTransactionActive && !isReleased;
}
