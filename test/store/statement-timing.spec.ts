import { describe, expect, it } from 'vitest';
import { timed, type StatementTiming } from '../../lib/store/statement-timing.js';

describe('the time of a statement is told', () => {
  it.each([
    ['SELECT * FROM a WHERE b = 1 FOR UPDATE', 'select'],
    ['WITH c AS (SELECT 1) UPDATE a SET b = 1', 'update'],
    ['INSERT INTO a VALUES (1)', 'insert'],
    ['DELETE FROM a', 'delete'],
    ['SET STATEMENT innodb_lock_wait_timeout = 0 FOR INSERT INTO a VALUES (1)', 'insert'],
    ['SET STATEMENT innodb_lock_wait_timeout = 0 FOR UPDATE a SET b = 1', 'update'],
    [undefined, 'transaction'],
  ])('under the operation of %s', async (sql, operation) => {
    const told: StatementTiming[] = [];
    await timed(
      sql,
      (timing) => told.push(timing),
      () => Promise.resolve(),
    );
    expect(told).toEqual([{ operation, outcome: 'done', seconds: expect.any(Number) }]);
  });
});
