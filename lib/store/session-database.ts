import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import type { SessionException } from '../errors/session.exception.js';
import { CallersTransaction, TransactionEnds } from './callers-transaction.js';
import { Deadline } from './deadline.js';
import type { ClusterWait, Dialect, FailureKind } from './dialect/dialect.js';
import { dialectOf } from './dialect/dialects.js';
import { driverFailureOf } from './failures/driver-failure.js';
import { FailureLog } from './failures/failure-log.js';
import { heardBy } from './heard-by.js';
import { OverdueWrites } from './overdue-writes.js';
import { PooledConnections } from './pooled-connections.js';
import { retryConflicts } from './retry-conflicts.js';
import { SessionRevocation } from './session-revocation.entity.js';
import { SingleConnection } from './single-connection.js';
import { asConflictOfCaller, asStoreException } from './failures/store-availability.js';
import { StatementGroup, type SharedStatement } from './statement-group.js';
import { runStatement, type StatementResult } from './statement-result.js';
import { timed, type StatementListener } from './statement-timing.js';
import type { Table } from './table.js';
import { Tables } from './tables.js';
import type { TransactionTerms } from './transaction-terms.js';

type Work<T> = (database: SessionDatabase) => Promise<T>;

/**
 * Runs the stores' statements, always on the primary: a replica may lag, and a missing change would look like theft or
 * log somebody out. If it is bound to a caller's `EntityManager`, it runs everything in that transaction.
 */
export class SessionDatabase {
  private readonly shared: SingleConnection | undefined;
  private readonly pooled: PooledConnections;
  private readonly cluster: ClusterWait | undefined;
  private readonly overdue = new OverdueWrites();
  private transactionEnds: TransactionEnds | undefined;
  /** The specifics of this kind of database. */
  readonly dialect: Dialect;
  /** How many statements were run again. */
  retries = 0;
  /** Hears how long statements take, except those of callers' transactions. Without a listener, nothing is measured. */
  onStatement: StatementListener | undefined;

  constructor(
    readonly dataSource: DataSource,
    private readonly deadline: Deadline = new Deadline(),
    private readonly transactionRunner?: QueryRunner,
    private readonly tables = new Tables(dataSource),
    private readonly failures = new FailureLog(),
    /** The caller's transaction in which the statements run. */
    readonly callers?: CallersTransaction,
  ) {
    this.dialect = dialectOf(dataSource);
    const { onlyConnection, clusterWait } = this.dialect;
    this.shared = onlyConnection && new SingleConnection(dataSource, onlyConnection);
    this.pooled = new PooledConnections(dataSource, deadline, this.dialect);
    this.cluster = clusterWait?.();
  }

  /**
   * The same statements, in the transaction of the given manager.
   *
   * @throws {TypeError} if the manager belongs to another data source, has no open transaction, or reads from a replica
   */
  withManager(manager: EntityManager): SessionDatabase {
    this.transactionEnds ??= new TransactionEnds(this.dataSource);
    const callers = new CallersTransaction(manager, this.dataSource, this.transactionEnds);
    return this.on(callers.runner, callers);
  }

  /**
   * Does something right after the commit of a caller's transaction, on its connection and before the caller goes on.
   * Ask the database what is committed: part of it may have been undone, or all of it by an error that nobody saw.
   *
   * @param otherwise called in its place if the database is away by then
   */
  afterCommit(work: Work<void>, otherwise: () => void): void {
    this.callers?.afterCommit({ work: (runner) => work(this.on(runner)), otherwise });
  }

  private on(runner: QueryRunner, callers?: CallersTransaction): SessionDatabase {
    const { dataSource, deadline, tables, failures } = this;
    return new SessionDatabase(dataSource, deadline, runner, tables, failures, callers);
  }

  /** Whether it runs in this process: only such a database has no clock of its own. */
  get isEmbedded(): boolean {
    return this.dialect.now === undefined;
  }

  /** Whether statements run in a caller's transaction, which may still be rolled back. */
  get isInTransaction(): boolean {
    return this.transactionRunner !== undefined;
  }

  /**
   * Splits rows into batches for single statements. Each row has some parameters, and each statement may have a time
   * besides.
   */
  *batches<Row>(rows: readonly Row[], most: number, parametersPerRow = 1): Generator<Row[]> {
    const size = Math.min(most, Math.floor((this.dialect.mostParameters - 1) / parametersPerRow));
    for (let from = 0; from < rows.length; from += size) yield rows.slice(from, from + size);
  }

  /**
   * The same for a statement that locks the rows with these keys. A statement with several keys may lock other rows as
   * well. A caller's transaction may hold its locks for long, so it changes a few rows one by one.
   */
  lockingBatches<Key>(keys: readonly Key[], most: number): Generator<Key[]> {
    const mostAlone = this.callers === undefined ? 0 : this.dialect.mostAloneInTransaction;
    return this.batches(keys, keys.length <= mostAlone ? 1 : most);
  }

  hasEntity(entity: EntityTarget<ObjectLiteral>): boolean {
    return this.dataSource.hasMetadata(entity);
  }

  table<Row extends ObjectLiteral>(entity: EntityTarget<Row>): Table<Row> {
    return this.tables.of(entity);
  }

  /**
   * @throws {SessionStoreUnavailableException} if the database does not answer, or not in time
   * @throws {SessionStoreFailureException} if it refuses the statement
   * @throws {QueryFailedError} in a caller's transaction that conflicts with another. The caller can retry it
   * @throws {TypeError} in a caller's transaction that is over
   * @param isOverdue whether the caller has stopped waiting: a statement not sent by then is never sent. By default,
   *   that is after the deadline of this statement alone
   */
  async run(
    sql: string,
    parameters: readonly unknown[] = [],
    isOverdue?: () => boolean,
  ): Promise<StatementResult> {
    this.callers?.checkOpen();
    const once = () => this.runOnce(sql, parameters, isOverdue);
    try {
      return await this.inTime(sql, () => this.retryConflicts(once));
    } catch (error) {
      throw this.isInTransaction && this.kindOf(error) === 'conflict'
        ? asConflictOfCaller(error)
        : this.told(error);
    }
  }

  /**
   * Runs a statement of many callers once. If the database refuses it, each of them runs its own, so that is not told.
   *
   * @param isOverdue as above
   * @throws {SessionStoreUnavailableException} if the database does not answer, or not in time
   * @throws the driver's error if the database refuses it
   */
  async attempt(
    sql: string,
    parameters: readonly unknown[],
    isOverdue: () => boolean,
  ): Promise<StatementResult> {
    try {
      return await this.inTime(sql, () => this.runOnce(sql, parameters, isOverdue));
    } catch (error) {
      throw this.kindOf(error) === 'outage' ? this.told(error) : error;
    }
  }

  /**
   * A statement that simultaneous callers share. In a transaction, each sends its own statement. So does each on
   * SQLite, which answers at once.
   *
   * @param mayShare whether this database can run many at once
   */
  share<Input, Output>(
    statement: SharedStatement<Input, Output>,
    mayShare = true,
  ): (input: Input) => Promise<Output> {
    if (!mayShare || this.isInTransaction || this.shared !== undefined) {
      return (input) => statement.one(input, () => false);
    }
    const group = new StatementGroup(statement);
    return (input) => this.deadline.bound(() => group.add(input, this.deadline.watch()));
  }

  /**
   * Inspects the database with TypeORM's own functions. @throws {SessionStoreUnavailableException} if it does not
   * answer
   */
  inspect<T>(look: (source: DataSource, runner: QueryRunner) => Promise<T>): Promise<T> {
    const looking = () => this.pooled.use((runner) => look(this.dataSource, runner));
    return this.deadline.bound(looking).catch((e: unknown) => Promise.reject(this.told(e)));
  }

  /**
   * Runs a statement that may fail in one of these ways.
   *
   * @returns the way; `undefined` if it has not failed
   */
  async failureAmong<Kind extends FailureKind>(
    kinds: readonly Kind[],
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<Kind | undefined> {
    try {
      await this.inTime(sql, () => this.retryConflicts(() => this.runOnce(sql, parameters)));
      return undefined;
    } catch (error) {
      const kind = kinds.find((each) => each === this.kindOf(error));
      if (kind === undefined) throw this.told(error);
      return kind;
    }
  }

  /**
   * Runs several statements that take effect together or not at all; in a caller's transaction, as part of it.
   */
  async transaction<T>(work: Work<T>, terms: TransactionTerms<T> = {}): Promise<T> {
    const { whenLate = 'commit', onCommit = () => undefined, locks = [] } = terms;
    if (this.transactionRunner !== undefined) return heardBy(onCommit, work(this));
    const mayBeLate = whenLate === 'commit' || this.shared !== undefined;
    const whole = mayBeLate ? work : this.deadline.failingIfLate(work);
    try {
      const attempt = () => this.retryConflicts(() => this.inTransaction(whole));
      const run = () => this.inTime(undefined, () => heardBy(onCommit, attempt()));
      return await this.overdue.run(locks, run);
    } catch (error) {
      throw this.told(error);
    }
  }

  private async inTransaction<T>(work: Work<T>): Promise<T> {
    const run = (runner: QueryRunner): Promise<T> => this.runTransaction(runner, work);
    return this.shared === undefined ? this.pooled.use(run) : this.shared.runTransaction(run);
  }

  private runTransaction<T>(runner: QueryRunner, work: Work<T>): Promise<T> {
    return this.pooled.undoingIfFailed(runner, async () => {
      await this.cluster?.beforeTransaction(runner);
      await runner.startTransaction();
      await this.shared?.takeWriteLock(runner, this.table(SessionRevocation));
      const result = await work(
        new TransactionDatabase(this.dataSource, this.deadline, runner, this.tables, this.failures),
      );
      await runner.commitTransaction();
      return result;
    });
  }

  /** Aborts every statement that is under way, except those of callers' transactions. */
  breakOff(): void {
    this.pooled.breakOff();
  }

  protected runOnce(
    sql: string,
    parameters: readonly unknown[],
    isOverdue?: () => boolean,
  ): Promise<StatementResult> {
    const run = (runner: QueryRunner) => runStatement(runner, sql, parameters);
    if (this.transactionRunner !== undefined) return run(this.transactionRunner);
    if (this.shared !== undefined) return this.shared.run(run);
    return this.pooled.use(async (runner) => {
      const text = await this.cluster?.beforeStatement(runner, sql);
      return runStatement(runner, text ?? sql, parameters);
    }, isOverdue);
  }

  private told(error: unknown): SessionException {
    return asStoreException(error, this.dialect, this.failures);
  }

  private kindOf(error: unknown): FailureKind {
    return this.dialect.failureKind(driverFailureOf(error));
  }

  // SQLite answers in the same turn, so a timer could never fire in time.
  private inTime<T>(sql: string | undefined, work: () => Promise<T>): Promise<T> {
    const bound = () => (this.shared === undefined ? this.deadline.bound(work) : work());
    return timed(sql, this.onStatement, bound);
  }

  private retryConflicts<T>(work: () => Promise<T>): Promise<T> {
    if (this.isInTransaction) return work();
    return retryConflicts(work, {
      isConflict: (error) => this.kindOf(error) === 'conflict',
      isOverdue: this.deadline.watch(),
      onRetry: () => (this.retries += 1),
    });
  }
}

/**
 * Inside our own transaction, errors stay as they are, so that a conflict is recognized and the whole transaction is
 * retried.
 */
class TransactionDatabase extends SessionDatabase {
  override run(sql: string, parameters: readonly unknown[] = []): Promise<StatementResult> {
    return this.runOnce(sql, parameters);
  }
}
