import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import { Deadline } from './deadline.js';
import { SessionRevocation } from './session-revocation.entity.js';
import { hasSharedConnection, SharedConnection } from './shared-connection.js';
import {
  asStoreUnavailable,
  isConflict,
  isDuplicate,
  schemaLack,
  type SchemaLack,
} from './store-availability.js';
import { StatementGroup, type SharedStatement } from './statement-group.js';
import { Table } from './table.js';

const ATTEMPTS = 4;

/** What a statement came to. */
export interface StatementResult {
  rows: readonly Readonly<Record<string, unknown>>[];
  affected: number;
}

/**
 * Runs the stores' statements, always on the primary: a replica may lag, and what it has not seen would look like theft
 * or log somebody out. Bound to a caller's `EntityManager`, it runs everything in that transaction.
 */
export class SessionDatabase {
  private readonly shared: SharedConnection | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly deadline: Deadline = new Deadline(),
    private readonly transactionRunner?: QueryRunner,
  ) {
    this.shared = hasSharedConnection(dataSource) ? new SharedConnection(dataSource) : undefined;
  }

  /** The same statements, in the transaction of the given manager. */
  withManager(manager: EntityManager): SessionDatabase {
    return new SessionDatabase(this.dataSource, this.deadline, manager.queryRunner);
  }

  /** Whether statements run in somebody's transaction, which may still be rolled back. */
  get isInTransaction(): boolean {
    return this.transactionRunner !== undefined;
  }

  /** TypeORM's name for the kind of database, such as `postgres`. */
  get type(): string {
    return this.dataSource.options.type;
  }

  /** Whether a DELETE can tell what it has deleted: all but MySQL can, and a MariaDB that goes by its name is asked alike. */
  get canReturnDeleted(): boolean {
    return !this.type.endsWith('mysql');
  }

  hasEntity(entity: EntityTarget<ObjectLiteral>): boolean {
    return this.dataSource.hasMetadata(entity);
  }

  table<Row extends ObjectLiteral>(entity: EntityTarget<Row>): Table<Row> {
    return new Table<Row>(this.dataSource, entity);
  }

  /** @throws {SessionStoreUnavailableException} when the database does not answer, or not in time */
  async run(sql: string, parameters: readonly unknown[] = []): Promise<StatementResult> {
    try {
      return await this.inTime(() => this.retryConflicts(() => this.runOnce(sql, parameters)));
    } catch (error) {
      throw asStoreUnavailable(error);
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
   * What the database lacks of an entity: its table, a column, or nothing.
   *
   * @throws {SessionStoreUnavailableException} when the database does not answer, or not in time
   */
  async lackOf(entity: EntityTarget<ObjectLiteral>): Promise<SchemaLack | undefined> {
    try {
      await this.inTime(() => this.runOnce(this.table(entity).probe, []));
      return undefined;
    } catch (error) {
      const lack = schemaLack(error);
      if (lack !== undefined) return lack;
      throw asStoreUnavailable(error);
    }
  }

  /** Runs an INSERT; `false` where a row with the same key is there already. */
  async insertUnlessPresent(sql: string, parameters: readonly unknown[]): Promise<boolean> {
    try {
      await this.inTime(() => this.retryConflicts(() => this.runOnce(sql, parameters)));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw asStoreUnavailable(error);
    }
  }

  /** Runs several statements that take effect together or not at all; in a caller's transaction, as part of it. */
  async transaction<T>(work: (database: SessionDatabase) => Promise<T>): Promise<T> {
    if (this.transactionRunner !== undefined) return work(this);
    try {
      return await this.inTime(() => this.retryConflicts(() => this.inTransaction(work)));
    } catch (error) {
      throw asStoreUnavailable(error);
    }
  }

  private async inTransaction<T>(work: (database: SessionDatabase) => Promise<T>): Promise<T> {
    if (this.shared === undefined) return this.runTransaction(await this.connect(), work);
    return this.shared.runTransaction((runner) => this.runTransaction(runner, work));
  }

  private async runTransaction<T>(
    runner: QueryRunner,
    work: (database: SessionDatabase) => Promise<T>,
  ): Promise<T> {
    try {
      await runner.startTransaction();
      if (this.shared !== undefined) await this.takeWriteLock(runner);
      const result = await work(new TransactionDatabase(this.dataSource, this.deadline, runner));
      await runner.commitTransaction();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  // On SQLite a transaction that has read fails at its first write where another process has written meanwhile. One that
  // begins with a write, of no row at all, waits for its turn instead.
  private async takeWriteLock(runner: QueryRunner): Promise<void> {
    await query(runner, `DELETE FROM ${this.table(SessionRevocation).name} WHERE 1 = 0`, []);
  }

  protected async runOnce(sql: string, parameters: readonly unknown[]): Promise<StatementResult> {
    if (this.transactionRunner !== undefined) return query(this.transactionRunner, sql, parameters);
    if (this.shared !== undefined)
      return this.shared.run((runner) => query(runner, sql, parameters));
    const runner = await this.connect();
    // A statement that takes too long goes on without its caller, and gives the connection back when it is over.
    return queryAndRelease(runner, sql, parameters);
  }

  /** A runner with a connection of the pool. */
  private async connect(): Promise<QueryRunner> {
    const runner = this.dataSource.createQueryRunner('master');
    const isOverdue = this.deadline.watch();
    try {
      await runner.connect();
      // The caller has been told that it failed: nothing must happen after that.
      if (isOverdue()) throw new Error('the connection came too late');
      return runner;
    } catch (error) {
      await runner.release();
      throw error;
    }
  }

  // SQLite answers in the turn in which it is asked: a timer could tell of nothing.
  private inTime<T>(work: () => Promise<T>): Promise<T> {
    return this.shared === undefined ? this.deadline.bound(work) : work();
  }

  // Only what is not part of a transaction can be run again on its own.
  private async retryConflicts<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (this.isInTransaction || attempt === ATTEMPTS || !isConflict(error)) throw error;
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

async function queryAndRelease(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<StatementResult> {
  try {
    return await query(runner, sql, parameters);
  } finally {
    await runner.release();
  }
}

async function query(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<StatementResult> {
  const result = await runner.query(sql, [...parameters], true);
  return { rows: result.records, affected: result.affected ?? 0 };
}
