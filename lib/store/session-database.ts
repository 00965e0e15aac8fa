import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import type { SessionException } from '../errors/session.exception.js';
import { CallersTransaction, TransactionEnds } from './callers-transaction.js';
import { Deadline } from './deadline.js';
import type { ClusterWait, Dialect, FailureKind } from './dialect/dialect.js';
import { dialectOf } from './dialect/dialects.js';
import { driverFailureOf } from './failures/driver-failure.js';
import { FailureLog } from './failures/failure-log.js';
import { PooledConnections } from './pooled-connections.js';
import { SessionRevocation } from './session-revocation.entity.js';
import { SingleConnection } from './single-connection.js';
import { asConflictOfCaller, asStoreException } from './failures/store-availability.js';
import { StatementGroup, type SharedStatement } from './statement-group.js';
import { runStatement, type StatementResult } from './statement-result.js';
import type { Table } from './table.js';
import { Tables } from './tables.js';

// Before each attempt after the first: a transaction that is still under way can undo one attempt after the other.
const PAUSES_MS = [5, 25, 125];

/**
 * Runs the stores' statements, always on the primary: a replica may lag, and what it has not seen would look like theft
 * or log somebody out. Bound to a caller's `EntityManager`, it runs everything in that transaction.
 */
export class SessionDatabase {
  private readonly shared: SingleConnection | undefined;
  private readonly pooled: PooledConnections;
  private readonly cluster: ClusterWait | undefined;
  private transactionEnds: TransactionEnds | undefined;
  /** What is peculiar to the kind of database. */
  readonly dialect: Dialect;

  constructor(
    private readonly dataSource: DataSource,
    private readonly deadline: Deadline = new Deadline(),
    private readonly transactionRunner?: QueryRunner,
    private readonly tables = new Tables(dataSource),
    private readonly failures = new FailureLog(),
    private readonly callers?: CallersTransaction,
  ) {
    this.dialect = dialectOf(dataSource);
    const { onlyConnection, clusterWait } = this.dialect;
    this.shared = onlyConnection && new SingleConnection(dataSource, onlyConnection);
    this.pooled = new PooledConnections(dataSource, deadline);
    this.cluster = clusterWait?.();
  }

  /**
   * The same statements, in the transaction of the given manager.
   *
   * @throws {TypeError} for a manager of another data source, of no open transaction, or that reads from a replica
   */
  withManager(manager: EntityManager): SessionDatabase {
    this.transactionEnds ??= new TransactionEnds(this.dataSource);
    const { dataSource, deadline, tables, failures } = this;
    const callers = new CallersTransaction(manager, dataSource, this.transactionEnds);
    return new SessionDatabase(dataSource, deadline, callers.runner, tables, failures, callers);
  }

  /** Whether statements run in somebody's transaction, which may still be rolled back. */
  get isInTransaction(): boolean {
    return this.transactionRunner !== undefined;
  }

  /** What one statement after the other can take of the rows: each has some parameters, and a time may be beside them. */
  *batches<Row>(rows: readonly Row[], most: number, parametersPerRow = 1): Generator<Row[]> {
    const fitting = Math.floor((this.dialect.mostParameters - 1) / parametersPerRow);
    const size = Math.min(most, fitting);
    for (let from = 0; from < rows.length; from += size) yield rows.slice(from, from + size);
  }

  get isInitialized(): boolean {
    return this.dataSource.isInitialized;
  }

  hasEntity(entity: EntityTarget<ObjectLiteral>): boolean {
    return this.dataSource.hasMetadata(entity);
  }

  table<Row extends ObjectLiteral>(entity: EntityTarget<Row>): Table<Row> {
    return this.tables.of(entity);
  }

  /**
   * @throws {SessionStoreUnavailableException} when the database does not answer, or not in time
   * @throws {SessionStoreFailureException} when it refuses the statement
   * @throws {QueryFailedError} in a caller's transaction that has met another one, so that the caller can run it again
   * @throws {TypeError} in a caller's transaction that is over
   */
  async run(sql: string, parameters: readonly unknown[] = []): Promise<StatementResult> {
    this.callers?.checkOpen();
    try {
      return await this.inTime(() => this.retryConflicts(() => this.runOnce(sql, parameters)));
    } catch (error) {
      throw this.isInTransaction && this.kindOf(error) === 'conflict'
        ? asConflictOfCaller(error)
        : this.told(error);
    }
  }

  /**
   * A statement that callers share who want it at the same time. In a transaction each sends its own, and on SQLite,
   * which answers at once.
   *
   * @param mayShare whether many can be run at once on this database
   */
  share<Input, Output>(
    statement: SharedStatement<Input, Output>,
    mayShare = true,
  ): (input: Input) => Promise<Output> {
    if (!mayShare || this.isInTransaction || this.shared !== undefined) {
      return (input) => statement.one(input);
    }
    const group = new StatementGroup(statement);
    return (input) => this.deadline.bound(() => group.add(input, this.deadline.watch()));
  }

  /**
   * What the database lacks of an entity: its table, or some of its columns.
   *
   * @throws {SessionStoreUnavailableException} when the database does not answer, or not in time
   */
  async lackOf(entity: EntityTarget<ObjectLiteral>): Promise<'table' | readonly string[]> {
    const table = this.table(entity);
    const lack = await this.lackIn(table.probe());
    if (lack !== 'column') return lack ?? [];
    const missing: string[] = [];
    for (const column of table.allColumns) {
      if ((await this.lackIn(table.probe([column]))) !== undefined) missing.push(column);
    }
    return missing;
  }

  private async lackIn(probe: string): Promise<'table' | 'column' | undefined> {
    try {
      await this.inTime(() => this.runOnce(probe, []));
      return undefined;
    } catch (error) {
      const kind = this.kindOf(error);
      if (kind === 'no table') return 'table';
      if (kind === 'no column') return 'column';
      throw this.told(error);
    }
  }

  /** Runs an INSERT; `false` where a row with the same key is there already. */
  async insertUnlessPresent(sql: string, parameters: readonly unknown[]): Promise<boolean> {
    try {
      await this.inTime(() => this.retryConflicts(() => this.runOnce(sql, parameters)));
      return true;
    } catch (error) {
      if (this.kindOf(error) === 'duplicate') return false;
      throw this.told(error);
    }
  }

  /** Runs several statements that take effect together or not at all; in a caller's transaction, as part of it. */
  async transaction<T>(work: (database: SessionDatabase) => Promise<T>): Promise<T> {
    if (this.transactionRunner !== undefined) return work(this);
    try {
      return await this.inTime(() => this.retryConflicts(() => this.inTransaction(work)));
    } catch (error) {
      throw this.told(error);
    }
  }

  private async inTransaction<T>(work: (database: SessionDatabase) => Promise<T>): Promise<T> {
    const run = (runner: QueryRunner): Promise<T> => this.runTransaction(runner, work);
    return this.shared === undefined ? this.pooled.use(run) : this.shared.runTransaction(run);
  }

  private async runTransaction<T>(
    runner: QueryRunner,
    work: (database: SessionDatabase) => Promise<T>,
  ): Promise<T> {
    try {
      await this.cluster?.beforeTransaction(runner);
      await runner.startTransaction();
      if (this.shared !== undefined) await this.takeWriteLock(runner);
      const result = await work(
        new TransactionDatabase(this.dataSource, this.deadline, runner, this.tables, this.failures),
      );
      await runner.commitTransaction();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    }
  }

  // On SQLite a transaction that has read fails at its first write where another process has written meanwhile. One that
  // begins with a write, of no row at all, waits for its turn instead.
  private async takeWriteLock(runner: QueryRunner): Promise<void> {
    await runStatement(runner, `DELETE FROM ${this.table(SessionRevocation).name} WHERE 1 = 0`, []);
  }

  /** Breaks off every statement that is under way, those of callers' transactions apart. */
  breakOff(): void {
    this.pooled.breakOff();
  }

  protected runOnce(sql: string, parameters: readonly unknown[]): Promise<StatementResult> {
    if (this.transactionRunner !== undefined)
      return runStatement(this.transactionRunner, sql, parameters);
    if (this.shared !== undefined) {
      return this.shared.run((runner) => runStatement(runner, sql, parameters));
    }
    return this.pooled.use(async (runner) => {
      const text = await this.cluster?.beforeStatement(runner, sql);
      return runStatement(runner, text ?? sql, parameters);
    });
  }

  private told(error: unknown): SessionException {
    return asStoreException(error, this.dialect, this.failures);
  }

  private kindOf(error: unknown): FailureKind {
    return this.dialect.failureKind(driverFailureOf(error));
  }

  // SQLite answers in the turn in which it is asked: a timer could tell of nothing.
  private inTime<T>(work: () => Promise<T>): Promise<T> {
    return this.shared === undefined ? this.deadline.bound(work) : work();
  }

  // Only what is not part of a transaction can be run again on its own, and not once its caller has been told that it
  // failed. SQLite's driver blocks the whole process while it waits for a lock.
  private async retryConflicts<T>(work: () => Promise<T>): Promise<T> {
    const isOverdue = this.deadline.watch();
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const pauseMs = PAUSES_MS[attempt];
        const isFinal = this.isInTransaction || pauseMs === undefined || isOverdue();
        if (isFinal || this.kindOf(error) !== 'conflict') throw error;
        await pause(pauseMs);
      }
    }
  }
}

/** Inside our own transaction errors stay as they are, so that a conflict can be seen and the whole run again. */
class TransactionDatabase extends SessionDatabase {
  override run(sql: string, parameters: readonly unknown[] = []): Promise<StatementResult> {
    return this.runOnce(sql, parameters);
  }
}
