import type { ObjectLiteral, QueryRunner } from 'typeorm';
import type { Rotation, RotationStep } from '../rotation.js';
import type { Session } from '../session.entity.js';
import type { Table } from '../table.js';
import type { DriverFailure } from '../failures/driver-failure.js';
import type { UpdateOfRows } from './update-rows.js';

/**
 * Everything specific to one kind of database. To add a kind, add one more file beside this one and a line in
 * `dialects.ts`. Nothing else in the library knows the name of a database.
 */
export interface Dialect {
  /** TypeORM's names of its drivers: the option `type` of a data source. */
  readonly drivers: readonly string[];

  /** Names an option of the data source that sessions can't work with, and the value that it needs. */
  readonly refusedOption: ((options: object) => string | undefined) | undefined;

  /**
   * Selects the database's time as `now`, in milliseconds since the epoch, with fractions. An embedded database uses
   * this machine's clock, and has no such statement.
   */
  readonly now: string | undefined;

  /** Whether a DELETE can return the deleted rows. */
  readonly returnsDeleted: boolean;

  /** Whether an UPDATE can return the updated rows. */
  readonly returnsUpdated: boolean;

  /** The INSERT of many rows that logins share, which waits for no row's lock. `undefined` if they can't share one. */
  readonly sharedInsert: ((insertion: string) => string) | undefined;

  /** One statement for many rotations of unread rows, if the database has one that waits for no lock. */
  readonly rotateMany: ManyRotations | undefined;

  /** One statement for many rotations of rows that were read, on databases that can't return the updated rows. */
  readonly rotateManyRead: ManyReadRotations | undefined;

  /**
   * One UPDATE of several rows that waits for no row's lock: it skips locked rows, or changes none. `undefined` if there
   * is none.
   */
  readonly updateUnlocked: ((update: UpdateOfRows) => string) | undefined;

  /**
   * Up to this number of rows, a caller's transaction changes them one by one. One statement about several rows may
   * scan a small table and lock all the rows that it meets. It is 0 if a statement locks only the rows that it changes.
   */
  readonly mostAloneInTransaction: number;

  /** How many parameters a statement may have. */
  readonly mostParameters: number;

  /** The state of the only connection, if the driver has one for all callers. */
  readonly onlyConnection: OnlyConnection | undefined;

  /** Whether a failure says that the server behind a connection only reads, as a former primary does. */
  readonly isReadOnly: (failure: DriverFailure) => boolean;

  /** How a statement waits on a cluster node, if this kind of database has clusters that lag. */
  readonly clusterWait: (() => ClusterWait) | undefined;

  /** Classifies a failed statement. */
  failureKind(failure: DriverFailure): FailureKind;

  /** Finds columns that can't hold every character, if this kind of database can have them. */
  readonly charsets: CharsetCheck | undefined;

  /**
   * How to make a table hold every character, for the reader of the log.
   *
   * @param table its name in SQL
   */
  unstorableCure(failure: DriverFailure, table: string): string;
}

/**
 * The kinds of failed statements:
 *
 * - `conflict`: the database undid it because of a concurrent one, so it may run again
 * - `duplicate`: a row with the same key exists
 * - `no table` and `no column`: the database lacks something that the statement names
 * - `unstorable`: the database's encoding lacks a character
 * - `raised`: a trigger of the application refuses it, in its own words
 * - `mistake`: the statement itself is wrong for this database, and would fail the next time too
 * - `outage`: the database could not run it now, but may do so later
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
 * Many rotations in one statement. It returns a row for each session that it found, with its handle as `asked`. If the
 * session rotated, the row also has its `handle` and the kept columns, by their properties.
 */
export interface ManyRotations {
  text(table: Table<Session>, count: number): string;
  /** The parameters of one rotation. */
  values(rotation: Rotation): unknown[];
}

/**
 * Many rotations of rows that were read, in one statement that changes all of those that exist, or none. It fails if a
 * row is locked, or is not as it was read.
 */
export interface ManyReadRotations {
  text(table: Table<Session>, count: number): string;
  values(steps: readonly RotationStep[]): unknown[];
}

/** Finds charsets that lose characters, on their way into a table or in it. */
export interface CharsetCheck {
  /**
   * Selects each `charset` that lacks characters, and its `place`: the index of a table, or the name of something that
   * all of them share.
   */
  statement(tables: readonly Table<ObjectLiteral>[]): {
    readonly sql: string;
    readonly parameters: readonly unknown[];
  };
  /**
   * The cause, and the statement or the option that fixes it.
   *
   * @param tables the SQL names of the affected tables
   */
  cure(lack: { readonly charset: string; readonly place: string }, tables: string[]): string;
}

/** The one connection that all callers of a driver share. */
export interface OnlyConnection {
  /**
   * Whether a transaction is open on it.
   *
   * @param connection the driver's own object
   * @returns `undefined` if the driver can't tell
   */
  isInTransaction(connection: unknown): boolean | undefined;
}

/** Lets a cluster node catch up before one of our statements reads or writes. */
export interface ClusterWait {
  /** The statement to run outside of a transaction. */
  beforeStatement(runner: QueryRunner, sql: string): Promise<string>;
  /** Waits before a transaction begins, because nothing can wait inside one. */
  beforeTransaction(runner: QueryRunner): Promise<void>;
}
