import { DataSource, DefaultNamingStrategy, type DataSourceOptions } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { sessionEntities } from '../../lib/store/entities.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import type { SessionRecord } from '../../lib/store/session-record.js';
import { SessionRevocation } from '../../lib/store/session-revocation.entity.js';
import { Session } from '../../lib/store/session.entity.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { SessionSigningKey } from '../../lib/store/signing-key.entity.js';
import { Table } from '../../lib/store/table.js';

class SnakeCase extends DefaultNamingStrategy {
  override columnName(property: string, custom: string | undefined): string {
    return custom ?? property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}

const entities = [...sessionEntities];

/** The names in a data source that is never connected. */
async function tableOf(options: DataSourceOptions, realm = ''): Promise<Table<Session>> {
  const source = new DataSource({ ...options, entities });
  await (source as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
  return new Table(source, Session, realm);
}

describe('the table of an entity', () => {
  it.each([
    [
      'SQLite',
      { type: 'better-sqlite3', database: ':memory:' },
      '"auth_session"',
      '"userId"',
      '?, ?',
    ],
    ['PostgreSQL', { type: 'postgres' }, '"auth_session"', '"userId"', '$1, $2'],
    ['MariaDB', { type: 'mariadb', database: 'shop' }, '`auth_session`', '`userId`', '?, ?'],
  ] as const)(
    'has the names and the placeholders of %s',
    async (_, options, name, column, parameters) => {
      const table = await tableOf(options);
      expect(table.name).toBe(name);
      expect(table.column('userId')).toBe(column);
      expect(table.parameters(2)).toBe(parameters);
    },
  );

  it('has the prefix that all tables have', async () => {
    const table = await tableOf({ type: 'postgres', entityPrefix: 'shop_' });
    expect(table.name).toBe('"shop_auth_session"');
  });

  it('is in the schema of the data source', async () => {
    const table = await tableOf({ type: 'postgres', schema: 'accounts', entityPrefix: 'shop_' });
    expect(table.name).toBe('"accounts"."shop_auth_session"');
  });

  it('has the column names of the naming strategy, and gives rows back by property', async () => {
    const table = await tableOf({ type: 'postgres', namingStrategy: new SnakeCase() });
    expect(table.selection(['userId', 'expiresAt'])).toBe(
      '"user_id" AS "userId", "expires_at" AS "expiresAt"',
    );
    expect(table.insertion(['handle', 'userId'])).toBe(
      'INSERT INTO "auth_session" ("realm", "handle", "user_id") VALUES (\'\', $1, $2)',
    );
  });

  it('says of every row whose it is', async () => {
    const table = await tableOf({ type: 'postgres', namingStrategy: new SnakeCase() }, 'c0ffee');
    expect(table.insertions(['handle'])(2)).toBe(
      `INSERT INTO "auth_session" ("realm", "handle") VALUES ('c0ffee', $1), ('c0ffee', $2)`,
    );
    expect(table.where('a OR b')).toBe(`WHERE "realm" = 'c0ffee' AND (a OR b)`);
    expect(table.where('a', 'own')).toBe(`WHERE own."realm" = 'c0ffee' AND (a)`);
    expect(table.where()).toBe(`WHERE "realm" = 'c0ffee'`);
  });

  it.each(["' OR 1 = 1 --", 'Shop', 'c0ffee '])(
    'takes %j for no realm, since it stands in the text of statements',
    async (realm) => {
      await expect(tableOf({ type: 'postgres' }, realm)).rejects.toThrow('a realm must be a hash');
    },
  );

  it('counts its placeholders from where it is told to', async () => {
    const table = await tableOf({ type: 'postgres' });
    expect(table.parameters(3, 4)).toBe('$5, $6, $7');
    expect(table.parameter(0)).toBe('$1');
  });

  it('has no column that the entity has not', async () => {
    const table = await tableOf({ type: 'postgres' });
    expect(() => table.column('password' as keyof Session)).toThrow(
      '"auth_session" has no column for password',
    );
  });
});

describe('the statements on sessions', () => {
  let source: DataSource | undefined;
  afterEach(() => source?.destroy());

  const record: SessionRecord = {
    handle: '018bcfe5-6800-7000-8000-000000000000',
    userId: "bo'b",
    tenantId: 'public',
    generation: 0,
    parentHash: '0'.repeat(64),
    rotatedAtMs: 1_700_000_000_000,
    confirmedAtMs: null,
    accessTokenPayload: { name: 'łukasz 👩‍🚀' },
    sessionData: { nested: [{ a: null }] },
    dataVersion: 0,
    persistent: false,
    createdAtMs: 1_700_000_000_000,
    authenticatedAtMs: 1_700_000_000_000,
    lastActiveAtMs: 1_700_000_000_000,
    expiresAtMs: 1_708_640_000_000,
    actor: null,
    impersonating: null,
    deviceKey: null,
    challengeAcceptedAtMs: null,
    ip: null,
    userAgent: 'Mozilla/5.0',
  };

  it.each([
    ['as they are', {}],
    ['with a prefix', { entityPrefix: 'shop_' }],
    ['with a naming strategy', { namingStrategy: new SnakeCase() }],
    ['with both', { entityPrefix: 'shop_', namingStrategy: new SnakeCase() }],
  ])('write and read the tables %s', async (_, names) => {
    source = await new DataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      entities,
      synchronize: true,
      ...names,
    }).initialize();
    const store = new SessionStore(new SessionDatabase(source));
    await store.insert(record);
    expect(await store.find(record.handle)).toEqual(record);
    const { handle, userId, tenantId, persistent, actor, impersonating } = record;
    const { createdAtMs, lastActiveAtMs, confirmedAtMs, expiresAtMs } = record;
    const times = { createdAtMs, lastActiveAtMs, confirmedAtMs, expiresAtMs };
    const outline = { handle, userId, tenantId, persistent, actor, impersonating, ...times };
    const { authenticatedAtMs, deviceKey, ip, userAgent } = record;
    const { value: page } = await store.pagesOfUser(userId, tenantId, 0).next();
    expect(page).toEqual([{ ...outline, authenticatedAtMs, deviceKey, ip, userAgent }]);
    expect(await store.deleteReturning([handle])).toEqual([outline]);
    expect(await store.find(record.handle)).toBeUndefined();
  });
});

describe('the entities', () => {
  it("are three, with tables that are told from the application's own", async () => {
    const source = new DataSource({ type: 'postgres', entities });
    await (source as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
    expect(entities).toEqual([Session, SessionSigningKey, SessionRevocation]);
    expect(source.entityMetadatas.map((each) => each.tableName).toSorted()).toEqual([
      'auth_session',
      'auth_session_key',
      'auth_session_revocation',
    ]);
  });
});
