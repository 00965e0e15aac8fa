import { describe, expect, it } from 'vitest';
import { SessionConfigurationError } from '../../../lib/index.js';
import { dialectFor, dialectOf } from '../../../lib/store/dialect/dialects.js';
import { driverFailureOf } from '../../../lib/store/failures/driver-failure.js';

/** What a database's statements look like, in the words of its documentation. */
const ABILITIES = [
  ['postgres', { returnsDeleted: true, returnsUpdated: true }],
  ['cockroachdb', { returnsDeleted: true, returnsUpdated: true }],
  ['aurora-postgres', { returnsDeleted: true, returnsUpdated: true }],
  ['mariadb', { returnsDeleted: true, returnsUpdated: false }],
  ['mysql', { returnsDeleted: false, returnsUpdated: false }],
  ['aurora-mysql', { returnsDeleted: false, returnsUpdated: false }],
  ['better-sqlite3', { returnsDeleted: true, returnsUpdated: true }],
  ['sqljs', { returnsDeleted: true, returnsUpdated: true }],
] as const;

function kindOn(driver: string, driverError: object): string {
  return dialectFor(driver).failureKind(driverFailureOf({ driverError }));
}

/** Node's names of failures that look like a SQLSTATE. */
const NAMES_OF_NODE =
  'E2BIG EBADF EBUSY EFBIG EIDRM EINTR ELOOP ENOSR ENXIO EPERM EPIPE EROFS ESRCH ETIME EXDEV'.split(
    ' ',
  );

describe.each(['postgres', 'cockroachdb', 'aurora-postgres'])('a failure on %s', (driver) => {
  it.each(NAMES_OF_NODE)('of the connection, as Node names it, is an outage: %s', (code) => {
    expect(kindOn(driver, { code, errno: -32, syscall: 'write' })).toBe('outage');
  });

  it('is an outage too if Node says no more than that the other side has closed', () => {
    expect(kindOn(driver, { code: 'EPIPE' })).toBe('outage');
  });

  it.each([
    ['40001', 'conflict'],
    ['23505', 'duplicate'],
    ['P0001', 'raised'],
    ['EPIPE', 'raised'],
    ['22001', 'mistake'],
    ['57P01', 'outage'],
  ])('that the server tells is known by its SQLSTATE: %s is %s', (code, kind) => {
    expect(kindOn(driver, { code, severity: 'ERROR' })).toBe(kind);
  });
});

describe.each(['mysql', 'mariadb', 'aurora-mysql'])('a failure on %s', (driver) => {
  it.each([
    [3101, '40000', 'conflict', 'a transaction that group replication has undone'],
    [1213, '40001', 'conflict', 'a deadlock'],
    [3100, 'HY000', 'outage', 'group replication that could not decide'],
    [4031, 'HY000', 'outage', 'a connection that the server closed because it was idle'],
    [1064, '42000', 'mistake', 'a slip'],
  ])('%i (%s) is of the kind %s: %s', (errno, sqlState, kind) => {
    expect(kindOn(driver, { code: 'UNKNOWN_CODE_PLEASE_REPORT', errno, sqlState })).toBe(kind);
  });
});

describe('the database behind a driver', () => {
  it.each(ABILITIES)('%s can do what it can', (driver, abilities) => {
    expect(dialectFor(driver)).toMatchObject(abilities);
  });

  it.each([
    ['postgres', ['sharedInsert', 'rotateMany', 'updateUnlocked']],
    ['mariadb', ['sharedInsert', 'rotateManyRead', 'updateUnlocked']],
    ['mysql', []],
    ['aurora-mysql', []],
    ['cockroachdb', []],
    ['aurora-postgres', []],
    ['better-sqlite3', ['updateUnlocked']],
  ])('%s has these statements for many callers: %s', (driver, those) => {
    const dialect = dialectFor(driver);
    const all = ['sharedInsert', 'rotateMany', 'rotateManyRead', 'updateUnlocked'] as const;
    expect(all.filter((each) => dialect[each] !== undefined)).toEqual(those);
  });

  it.each([
    ['mariadb', true],
    ['mysql', true],
    ['aurora-mysql', false],
    ['postgres', false],
  ])('%s may be a node of a cluster that lags: %s', (driver, may) => {
    expect(dialectFor(driver).clusterWait !== undefined).toBe(may);
  });

  it.each([
    ['postgres', 'clock_timestamp()'],
    ['mysql', 'UTC_TIMESTAMP(6)'],
    ['mariadb', 'UTC_TIMESTAMP(6)'],
  ])('%s has a clock of its own: %s', (driver, clock) => {
    expect(dialectFor(driver).now).toContain(clock);
  });

  it.each(['better-sqlite3', 'sqljs'])("%s has this machine's clock", (driver) => {
    expect(dialectFor(driver).now).toBeUndefined();
  });

  it.each([undefined, 5])(
    'cockroachdb is refused with maxTransactionRetries %s, as TypeORM would repeat transactions blindly',
    (maxTransactionRetries) => {
      const options = { type: 'cockroachdb', timeTravelQueries: false } as const;
      const refused = () =>
        dialectOf({
          options: { ...options, ...(maxTransactionRetries && { maxTransactionRetries }) },
        });
      expect(refused).toThrow(SessionConfigurationError);
      expect(refused).toThrow("Set `maxTransactionRetries: 0` in the data source's options");
      const accepted = dialectOf({ options: { ...options, maxTransactionRetries: 0 } });
      expect(accepted).toBe(dialectFor('cockroachdb'));
    },
  );

  it('sqlite is refused, since it tells of no changed rows, and better-sqlite3 is named for it', () => {
    const refusal = () => dialectFor('sqlite');
    expect(refusal).toThrow(SessionConfigurationError);
    expect(refusal).toThrow(
      "Sessions do not work with TypeORM's driver `sqlite`. Use `better-sqlite3`, which reads the same file: " +
        '`sqlite` does not return the rows that a statement deletes or updates. Supported drivers: `postgres`,',
    );
  });

  it.each(['mssql', 'mongodb', 'oracle', 'toString', '__proto__'])(
    '%s is refused by name, with those that can be had',
    (driver) => {
      const refusal = () => dialectFor(driver);
      expect(refusal).toThrow(SessionConfigurationError);
      expect(refusal).toThrow(
        `Sessions do not work with TypeORM's driver \`${driver}\`. Supported drivers: \`postgres\`, ` +
          '`mariadb`, `mysql`, `better-sqlite3`, `sqljs`, `cockroachdb`, `aurora-postgres`, `aurora-mysql`.',
      );
    },
  );
});
