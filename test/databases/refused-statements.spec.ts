import assert from 'node:assert/strict';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { sessionEntities, SessionStoreFailureException } from '../../lib/index.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { describeOnEachDatabase, describeOnEachServer } from '../support/components.js';
import {
  createTestDatabase,
  runOnServer,
  type DatabaseEngine,
  type TestDatabase,
} from '../support/databases.js';

/** Somebody's id, as hard on whoever looks for where it ends as may be. */
const USER = `o'malley" for key 'x' (near \`bob\`) [at] row 1`;
const PIECES = ['malley', 'bob', 'for key', '[at]'];

/** A statement that the database refuses: what it is refused for, the SQL, its values, and the code in the log. */
type Refusal = readonly [why: string, sql: string, values: readonly unknown[], code: string];

const INSERT = 'INSERT INTO "people" ("id", "name", "age") VALUES ($1, $2, $3)';
const REFUSALS: Readonly<Record<DatabaseEngine, readonly Refusal[]>> = {
  postgres: [
    ['a row that is there', INSERT, ['1', USER, 1], '23505'],
    ['a value that is too long', INSERT, ['2', USER.repeat(5), 1], '22001'],
    ['a number that is out of range', INSERT, ['3', USER, 99_999_999_999], '22003'],
    ['text for a number', INSERT, ['3', 'u', USER], '22P02'],
    ['text for a UUID', 'SELECT CAST($1 AS uuid) FROM "people"', [USER], '22P02'],
    ['a date that is none', 'SELECT CAST($1 AS date) FROM "people"', [USER], '22007'],
    ['text that is no JSON', 'SELECT CAST($1 AS json) FROM "people"', [USER], '22P02'],
    ['what a check forbids', INSERT, ['4', USER, -1], '23514'],
    ['nothing where there must be something', INSERT, [USER, null, 1], '23502'],
    ['a slip', 'SELEC "x" FROM "people" WHERE "id" = $1', [USER], '42601'],
    ['a slip beside a value', `SELECT * FROM "people" WHERE "id" = 'o''malley bob' x`, [], '42601'],
    ['a table that is missing', 'SELECT $1::text FROM "nobody"', [USER], '42P01'],
    ['a column that is missing', 'SELECT "gone" FROM "people" WHERE "id" = $1', [USER], '42703'],
    ['a trigger of the application', INSERT, ['banned', 'malley bob', 1], 'P0001'],
  ],
  mariadb: [
    ['a row that is there', sqlOfMariadb(INSERT), ['1', USER, 1], '23000'],
    ['a value that is too long', sqlOfMariadb(INSERT), ['2', USER.repeat(5), 1], '22001'],
    ['a number that is out of range', sqlOfMariadb(INSERT), ['3', USER, 99_999_999_999], '22003'],
    ['text for a number', sqlOfMariadb(INSERT), ['3', 'u', USER], '22007'],
    ['what a check forbids', sqlOfMariadb(INSERT), ['4', USER, -1], '23000'],
    ['nothing where there must be something', sqlOfMariadb(INSERT), [USER, null, 1], '23000'],
    ['a slip', 'SELEC ? FROM `people`', [USER], '42000'],
    [
      'a slip beside a value',
      "SELECT * FROM `people` WHERE `id` = 'o''malley bob' x y",
      [],
      '42000',
    ],
    ['a table that is missing', 'SELECT ? FROM `nobody`', [USER], '42S02'],
    ['a column that is missing', 'SELECT `gone` FROM `people` WHERE `id` = ?', [USER], '42S22'],
    ['text that is no JSON', 'UPDATE `people` SET `data` = ?', [USER], '23000'],
    ['a trigger of the application', sqlOfMariadb(INSERT), ['banned', 'malley bob', 1], '45000'],
  ],
  sqlite: [
    ['a row that is there', sqlOfSqlite(INSERT), ['1', USER, 1], 'SQLITE_CONSTRAINT_PRIMARYKEY'],
    ['what a check forbids', sqlOfSqlite(INSERT), ['4', USER, -1], 'SQLITE_CONSTRAINT_CHECK'],
    [
      'nothing where there must be something',
      sqlOfSqlite(INSERT),
      [USER, null, 1],
      'SQLITE_CONSTRAINT_NOTNULL',
    ],
    ['a slip', 'SELEC ? FROM "people"', [USER], 'SQLITE_ERROR'],
    [
      'a slip beside a value',
      `SELECT * FROM "people" WHERE "id" = 'o''malley bob' 'malley'`,
      [],
      'SQLITE_ERROR',
    ],
    ['a table that is missing', 'SELECT ? FROM "nobody"', [USER], 'SQLITE_ERROR'],
    [
      'a column that is missing',
      'SELECT gone FROM "people" WHERE "id" = ?',
      [USER],
      'SQLITE_ERROR',
    ],
    ['text that is no JSON', 'SELECT json(?) FROM "people"', [USER], 'SQLITE_ERROR'],
    [
      'a trigger of the application',
      sqlOfSqlite(INSERT),
      ['banned', 'u', 1],
      'SQLITE_CONSTRAINT_TRIGGER',
    ],
  ],
};

const TABLES: Readonly<Record<DatabaseEngine, readonly string[]>> = {
  postgres: [
    'CREATE TABLE "people" ("id" varchar(60) PRIMARY KEY, "name" varchar(60) NOT NULL, "age" int CHECK ("age" > 0))',
    `CREATE FUNCTION ban() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'user % is banned', NEW."name"; END $$`,
    `CREATE TRIGGER ban BEFORE INSERT ON "people" FOR EACH ROW WHEN (NEW."id" = 'banned') EXECUTE FUNCTION ban()`,
  ],
  mariadb: [
    'CREATE TABLE `people` (`id` varchar(60) PRIMARY KEY, `name` varchar(60) NOT NULL, `age` int CHECK (`age` > 0), `data` json)',
    `CREATE TRIGGER ban BEFORE INSERT ON \`people\` FOR EACH ROW IF NEW.id = 'banned' THEN BEGIN
      DECLARE said varchar(100) DEFAULT CONCAT('user ', NEW.name, ' is banned');
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END; END IF`,
  ],
  sqlite: [
    'CREATE TABLE "people" ("id" text PRIMARY KEY, "name" text NOT NULL, "age" int CHECK ("age" > 0))',
    `CREATE TRIGGER ban BEFORE INSERT ON "people" WHEN NEW."id" = 'banned'
      BEGIN SELECT RAISE(ABORT, 'user malley bob is banned'); END`,
  ],
};

function sqlOfSqlite(sql: string): string {
  return sql.replaceAll(/\$\d/g, '?');
}

function sqlOfMariadb(sql: string): string {
  return sqlOfSqlite(sql).replaceAll('"', '`');
}

describeOnEachDatabase('a statement that the database refuses', (engine) => {
  let test: TestDatabase;
  let source: DataSource;
  let log: string[];
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    const entities = [...sessionEntities];
    source = await new DataSource({ ...test.options, entities, synchronize: true }).initialize();
    for (const sql of TABLES[engine]) await source.query(sql);
    const insert = engine === 'mariadb' ? sqlOfMariadb(INSERT) : INSERT;
    await source.query(engine === 'postgres' ? insert : sqlOfSqlite(insert), ['1', 'first', 1]);
  });
  afterAll(async () => {
    await source.destroy();
    await test.drop();
  });
  beforeEach(() => {
    log = [];
    vi.spyOn(Logger.prototype, 'error').mockImplementation((line) => log.push(String(line)));
  });
  afterEach(() => void vi.restoreAllMocks());

  async function failureOf(sql: string, values: readonly unknown[]): Promise<unknown> {
    return new SessionDatabase(source).run(sql, values).catch((error: unknown) => error);
  }

  it.each(REFUSALS[engine])(
    'for %s is 500 and no outage, and leaves a line with the code and nothing of the user',
    async (_, sql, values, code) => {
      const failure = await failureOf(sql, values);
      expect(failure).toMatchObject({ code: 'SESSION_STORE_FAILED', status: 500 });
      assert(failure instanceof SessionStoreFailureException);
      expect(failure.retryAfterSeconds).toBeUndefined();
      expect(log).toHaveLength(1);
      expect(log[0]).toMatch(/The database refuses a statement on .+, and sessions answer 500: /);
      expect(log[0]).toContain(code);
      const told = `${log[0]} ${String(failure.cause)}`;
      expect(PIECES.filter((piece) => told.includes(piece))).toEqual([]);
    },
  );

  it('is written down once, however often it is refused', async () => {
    const database = new SessionDatabase(source);
    for (let time = 0; time < 3; time += 1) {
      await database.run('SELECT 1 FROM nobody_at_all').catch(() => undefined);
    }
    expect(log).toHaveLength(1);
  });

  it('is no outage within a transaction either, nor in one of the application', async () => {
    const database = new SessionDatabase(source);
    const run = (each: SessionDatabase) => each.run('SELECT 1 FROM nobody_at_all');
    await expect(database.transaction(run)).rejects.toMatchObject({ status: 500 });
    const own = source.transaction((manager) => run(database.withManager(manager)));
    await expect(own).rejects.toMatchObject({ status: 500 });
  });
});

const CURES = {
  postgres:
    "has the encoding LATIN1, which lacks a character. Move the data to a database created with ENCODING 'UTF8'.",
  mariadb: 'Run `ALTER TABLE `people` CONVERT TO CHARACTER SET utf8mb4`',
};

describeOnEachServer('a name that the charset of a table lacks', (engine) => {
  it('is refused as 500, and the log names the table, the charset and the cure', async () => {
    const test = await createTestDatabase(engine);
    const { options } = test;
    assert('url' in options);
    const url = new URL(options.url ?? '');
    if (engine === 'postgres') {
      url.pathname += '_latin';
      await runOnServer(
        'postgres',
        `CREATE DATABASE ${url.pathname.slice(1)} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`,
      );
    }
    const source = await new DataSource({ ...options, url: url.href }).initialize();
    const log = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      await source.query(
        engine === 'postgres'
          ? 'CREATE TABLE "people" ("id" varchar(60))'
          : 'CREATE TABLE `people` (`id` varchar(60)) CHARACTER SET latin1',
      );
      const insert =
        engine === 'postgres'
          ? 'INSERT INTO "people" ("id") VALUES ($1)'
          : 'INSERT INTO `people` (`id`) VALUES (?)';
      const failing = new SessionDatabase(source).run(insert, ['山田']);
      await expect(failing).rejects.toMatchObject({ code: 'SESSION_STORE_FAILED', status: 500 });
      const [line] = log.mock.calls.map(([each]) => String(each));
      expect(line).toContain(CURES[engine]);
      expect(line).toMatch(/["`]people["`]/);
      expect(line).not.toMatch(/山|田|e5|b1b1|\\x/i);
    } finally {
      log.mockRestore();
      await source.destroy();
      if (engine === 'postgres')
        await runOnServer('postgres', `DROP DATABASE ${url.pathname.slice(1)}`);
      await test.drop();
    }
  });
});
