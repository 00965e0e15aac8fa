import type { ObjectLiteral, QueryRunner } from 'typeorm';
import type { Rotation } from '../rotation-statements.js';
import type { Session } from '../session.entity.js';
import type { Table } from '../table.js';
import type { DriverFailure } from '../failures/driver-failure.js';

/**
 * All that is peculiar to one kind of database. Another kind is one more file beside this one and a line in
 * `dialects.ts`; nothing else in the library knows the name of a database.
 */
export interface Dialect {
  /** TypeORM's names of the drivers for it: the option `type` of a data source. */
  readonly drivers: readonly string[];

  /**
   * Selects the database's time as `now`, in milliseconds since the epoch, with parts of one. An embedded database has
   * this machine's clock, and no such statement.
   */
  readonly now: string | undefined;

  /** Whether a DELETE can return what it has deleted. */
  readonly returnsDeleted: boolean;

  /** Whether an UPDATE can return what it has updated. */
  readonly returnsUpdated: boolean;

  /** Whether an INSERT of many rows waits for nobody's lock, so that logins can share one. */
  readonly sharesInserts: boolean;

  /** One statement for many rotations, if the database has one that waits for no lock. */
  readonly rotateMany: ManyRotations | undefined;

  /** How many parameters a statement may have. */
  readonly mostParameters: number;

  /** What is known of the only connection, if the driver has one for all callers. */
  readonly onlyConnection: OnlyConnection | undefined;

  /** What a statement must wait for on a node of a cluster, if this kind of database has clusters that lag. */
  readonly clusterWait: (() => ClusterWait) | undefined;

  /** What a failed statement came to. */
  failureKind(failure: DriverFailure): FailureKind;

  /** How to find out what can't hold every character, if a database of this kind may be so. */
  readonly charsets: CharsetCheck | undefined;

  /**
   * How to make a table hold every character, for whoever reads the log.
   *
   * @param table its name in SQL
   */
  unstorableCure(failure: DriverFailure, table: string): string;
}

/**
 * What a failed statement came to:
 *
 * - `conflict`: the database has undone it because of a concurrent one, so that it may be run again
 * - `duplicate`: a row with the same key is there already
 * - `no table` and `no column`: the database lacks what the statement asks for
 * - `unstorable`: its encoding has no such character
 * - `raised`: a trigger of the application refuses it, in words of its own
 * - `mistake`: the statement itself is wrong for this database, and would be wrong the next time
 * - `outage`: the database could not run it now; it may later
 */
export type FailureKind =
  | 'conflict'
  | 'duplicate'
  | 'no table'
  | 'no column'
  | 'unstorable'
  | 'raised'
  | 'mistake'
  | 'outage';

/**
 * Many rotations in one statement. It gives a row for each session that it came to: its handle as `asked`, and where it has
 * rotated its `handle` and the columns that are kept, by their properties.
 */
export interface ManyRotations {
  text(table: Table<Session>, count: number): string;
  /** The parameters of one rotation. */
  values(rotation: Rotation): unknown[];
}

/** What finds out where characters get lost on their way into a table, or there. */
export interface CharsetCheck {
  /** Selects each `charset` that lacks characters, and its `place`. */
  statement(table: Table<ObjectLiteral>): {
    readonly sql: string;
    readonly parameters: readonly unknown[];
  };
  /**
   * What is wrong, and the statement or the option that mends it.
   *
   * @param table its name in SQL
   */
  cure(lack: { readonly charset: string; readonly place: string }, table: string): string;
}

/** The one connection that a driver has for all callers. */
export interface OnlyConnection {
  /**
   * Whether a transaction is open on it.
   *
   * @param connection the driver's own object
   * @returns `undefined` if the driver can't tell
   */
  isInTransaction(connection: unknown): boolean | undefined;
}

/** Lets a node of a cluster catch up before a statement of ours reads or writes. */
export interface ClusterWait {
  /** The statement as it is to be run outside of a transaction. */
  beforeStatement(runner: QueryRunner, sql: string): Promise<string>;
  /** Waits before a transaction begins; inside of one nothing can. */
  beforeTransaction(runner: QueryRunner): Promise<void>;
}
