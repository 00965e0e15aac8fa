import type { DataSource, QueryRunner } from 'typeorm';
import type { Deadline } from './deadline.js';
import type { Dialect } from './dialect/dialect.js';
import { driverFailureOf } from './failures/driver-failure.js';
import { poolSizeOf } from './pool-size.js';

// As many as the pool has are left in this time at most.
const LEAVING_MS = 10_000;

/** The connections of a database server's pool, one for each of our statements or transactions. */
export class PooledConnections {
  private readonly busy = new Set<unknown>();
  private leavingSinceMs = Number.NEGATIVE_INFINITY;
  private left = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly deadline: Deadline,
    private readonly dialect: Dialect,
  ) {}

  /**
   * Takes a connection for some work. Work that takes too long continues without its caller, and finally returns the
   * connection.
   *
   * @param isOverdue whether the caller has stopped waiting
   */
  async use<T>(
    work: (runner: QueryRunner) => Promise<T>,
    isOverdue = this.deadline.watch(),
  ): Promise<T> {
    const runner = this.dataSource.createQueryRunner('master');
    let connection: unknown;
    try {
      connection = await runner.connect();
      // The caller already knows of a failure, so nothing may happen after that.
      if (isOverdue()) throw new Error('the connection came too late');
      this.busy.add(connection);
      return await work(runner);
    } catch (error) {
      if (this.dialect.isReadOnly(driverFailureOf(error))) this.leaveFormerPrimary(connection);
      throw error;
    } finally {
      this.busy.delete(connection);
      await runner.release();
    }
  }

  // After a switchover, the pool would keep its connections to the former primary for as long as they are used. Where no
  // server takes writes for a while, not every refused one may cost a connection.
  private leaveFormerPrimary(connection: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.leavingSinceMs >= LEAVING_MS) {
      this.leavingSinceMs = nowMs;
      this.left = 0;
    }
    this.left += 1;
    if (this.left <= poolSizeOf(this.dataSource)) dropSoon(connection);
  }

  /**
   * Undoes a transaction that fails. If that fails too, it closes the connection: in the pool, it would take in the
   * statements of others, and lose them.
   */
  async undoingIfFailed<T>(runner: QueryRunner, transaction: () => Promise<T>): Promise<T> {
    try {
      return await transaction();
    } catch (error) {
      if (runner.isTransactionActive)
        await runner.rollbackTransaction().catch(async () => {
          await closeNow(await runner.connect()).catch(() => undefined);
        });
      throw error;
    }
  }

  /**
   * Closes the connections in use, so that their statements fail. Otherwise, with a database that hangs, TypeORM would
   * wait forever for its pool to be complete again.
   */
  breakOff(): void {
    for (const connection of this.busy) dropSoon(connection);
  }
}

// A pool takes back none that has begun to close.
function dropSoon(connection: unknown): void {
  void closeNow(connection).catch(() => undefined);
}

// mysql2 has `destroy`; pg's `end` closes its socket at once during a statement.
async function closeNow(connection: unknown): Promise<void> {
  if (typeof connection !== 'object' || connection === null) return;
  const close: unknown = Reflect.get(connection, 'destroy') ?? Reflect.get(connection, 'end');
  if (typeof close === 'function') await Reflect.apply(close, connection, []);
}
