import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

const HOW = 'Give `withManager` the manager that `dataSource.transaction` passes to its function.';

/** Counts the finished transactions of each query runner of a data source. */
export class TransactionEnds {
  private readonly ends = new WeakMap<QueryRunner, number>();

  constructor(dataSource: DataSource) {
    const count = ({ queryRunner }: { queryRunner: QueryRunner }): void => {
      // The end of a savepoint does not count.
      if (queryRunner.isTransactionActive) return;
      this.ends.set(queryRunner, this.of(queryRunner) + 1);
    };
    // All callers share SQLite's one query runner, so another caller's transaction may follow on it. Its flag alone
    // could not tell them apart.
    dataSource.subscribers.push({ afterTransactionCommit: count, afterTransactionRollback: count });
  }

  of(runner: QueryRunner): number {
    return this.ends.get(runner) ?? 0;
  }
}

/** A transaction of the application, known by the manager that the application passed. */
export class CallersTransaction {
  readonly runner: QueryRunner;
  private readonly endsBefore: number;

  /**
   * @throws {TypeError} if the manager belongs to another data source, has no transaction, or reads from a replica: its
   * statements would be part of no transaction
   */
  constructor(
    manager: EntityManager,
    dataSource: DataSource,
    private readonly ends: TransactionEnds,
  ) {
    const { queryRunner } = manager;
    // Compares drivers, because libraries put proxies around data sources.
    // oxlint-disable-next-line typescript/no-deprecated -- TypeORM 0.3 has no other name for it
    if (manager.connection.driver !== dataSource.driver) {
      throw new TypeError(`This manager belongs to another data source than the sessions. ${HOW}`);
    }
    if (queryRunner?.getReplicationMode() === 'slave') {
      throw new TypeError(
        "This manager's query runner reads from a replica, which may lag. Give `withManager` the manager of a " +
          "transaction of `createQueryRunner('master')`.",
      );
    }
    if (queryRunner === undefined || !isOpen(queryRunner)) {
      throw new TypeError(`This manager has no open transaction. ${HOW}`);
    }
    this.runner = queryRunner;
    this.endsBefore = ends.of(queryRunner);
  }

  get isOpen(): boolean {
    return isOpen(this.runner) && this.ends.of(this.runner) === this.endsBefore;
  }

  /** @throws {TypeError} if the transaction is over: the statement would be part of none, or of the next one */
  checkOpen(): void {
    if (this.isOpen) return;
    throw new TypeError(
      'The transaction of this manager is over. Await its calls inside the transaction, and call `withManager` in each transaction.',
    );
  }
}

function isOpen({ isTransactionActive, isReleased }: QueryRunner): boolean {
  return isTransactionActive && !isReleased;
}
