import type { QueryRunner } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { GaleraWait } from '../../../lib/store/dialect/galera-wait.js';

/** A server that says this of itself, and counts how often it is asked. */
function serverWith(variables: Record<string, string>) {
  const asked: string[] = [];
  const records = Object.entries(variables).map(([name, value]) => ({
    Variable_name: name,
    Value: value,
  }));
  const query = (sql: string) => {
    asked.push(sql);
    return Promise.resolve({ records });
  };
  return { runner: { query } as unknown as QueryRunner, asked };
}

describe('a statement', () => {
  it.each([
    ['waits on a node of a Galera cluster', { wsrep_on: 'ON', version: '10.11.6-MariaDB' }, true],
    ['does not on a MariaDB of its own', { wsrep_on: 'OFF', version: '10.11.6-MariaDB' }, false],
    ['does not on MySQL, which could not', { wsrep_on: 'ON', version: '8.0.36-28.1' }, false],
    ['does not where nothing is known of Galera', { version: '8.4.0' }, false],
  ])('%s', async (_, variables, isWaiting) => {
    const wait = new GaleraWait();
    const { runner, asked } = serverWith(variables);
    const statement = await wait.beforeStatement(runner, 'SELECT 1');
    expect(statement).toBe(
      isWaiting ? 'SET STATEMENT wsrep_sync_wait = 7 FOR SELECT 1' : 'SELECT 1',
    );
    await wait.beforeStatement(runner, 'SELECT 2');
    expect(asked).toHaveLength(1);
  });

  it('that sets a variable of its own waits too', async () => {
    const wait = new GaleraWait();
    const { runner } = serverWith({ wsrep_on: 'ON', version: '10.11.6-MariaDB' });
    const statement = 'SET STATEMENT innodb_lock_wait_timeout = 0 FOR DELETE FROM `a`';
    expect(await wait.beforeStatement(runner, statement)).toBe(
      'SET STATEMENT wsrep_sync_wait = 7, innodb_lock_wait_timeout = 0 FOR DELETE FROM `a`',
    );
  });
});
