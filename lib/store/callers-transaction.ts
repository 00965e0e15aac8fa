import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

const HOW = 'Give `withManager` the manager that `dataSource.transaction` passes to its function.';

/** The work that waits for the commit of a transaction. */
interface AfterCommit {
  /** On its connection. */
  readonly work: (runner: QueryRunner) => Promise<void>;
  /** In place of that, if the database is away by then. */
  readonly otherwise: () => void;
}

/** Counts the finished transactions of each query runner of a data source, and does what has waited for a commit. */
export class TransactionEnds {
  private readonly ends = new WeakMap<QueryRunner, number>();
  private readonly waiting = new WeakMap<QueryRunner, AfterCommit[]>();

  constructor(dataSource: DataSource) {
    // All callers share SQLite's one query runner, so another caller's transaction may follow on it. Its flag alone
    // could not tell them apart.
    dataSource.subscribers.push({
      afterTransactionCommit: async ({ queryRunner }) => {
        let isAway = false;
        for (const { work, otherwise } of this.end(queryRunner)) {
          // The commit stands, whatever fails after it. Its caller waits for one failure at most.
          if (!isAway) await work(queryRunner).catch(() => (isAway = true));
          if (isAway) otherwise();
        }
      },
      afterTransactionRollback: ({ queryRunner }) => void this.end(queryRunner),
    });
  }

  of(runner: QueryRunner): number {
    return this.ends.get(runner) ?? 0;
  }

  /** Does something once the open transaction of a query runner is committed, before its caller goes on. */
  afterCommit(runner: QueryRunner, work: AfterCommit): void {
    const waiting = this.waiting.get(runner) ?? [];
    waiting.push(work);
    this.waiting.set(runner, waiting);
  }

  private end(runner: QueryRunner): readonly AfterCommit[] {
    // The end of a savepoint does not count.
    if (runner.isTransactionActive) return [];
    this.ends.set(runner, this.of(runner) + 1);
    const waiting = this.waiting.get(runner) ?? [];
    this.waiting.delete(runner);
    return waiting;
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

  afterCommit(work: AfterCommit): void {
    this.ends.afterCommit(this.runner, work);
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
