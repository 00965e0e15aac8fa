import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import { Session, SessionConfigurationError, sessionEntities } from '../../lib/index.js';
import { checkSchema } from '../../lib/store/check-schema.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import {
  describeOnEachDatabase,
  describeOnEachServer,
  describeWithOwnServer,
} from '../support/components.js';
import {
  createTestDatabase,
  runOnServer,
  serverUrl,
  type DatabaseServer,
  type TestDatabase,
} from '../support/databases.js';
import { refreshTokenOf, useFleets } from '../support/fleet.js';
import { StatementLog } from '../support/statement-log.js';

const CURE = /Run `(ALTER TABLE `\w+` CONVERT TO CHARACTER SET utf8mb4)`/g;
const TABLES = ['auth_session', 'auth_session_key', 'auth_session_revocation'];
// No two of them are alike in any charset of one byte, where each character is a question mark.
const USERS = ['山田', '佐藤', '😀', 'Zoë'];

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

/** The tables of the module in a database, and what the check at start says of them. */
async function start(
  options: TestDatabase['options'],
  more: object = {},
): Promise<{ source: DataSource; check: () => Promise<unknown> }> {
  const settings = { ...options, ...more, entities: [...sessionEntities], synchronize: true };
  const source = await new DataSource(settings).initialize();
  undo.push(() => source.destroy());
  const check = (): Promise<unknown> =>
    checkSchema(new SessionDatabase(source)).catch((error: unknown) => error);
  return { source, check };
}

async function createIn(
  server: DatabaseServer,
  text: (name: string) => string,
  at = serverUrl(server),
): Promise<TestDatabase['options']> {
  const name = `auth_sessions_${randomBytes(8).toString('hex')}`;
  await runOnServer(server, text(name), at);
  undo.push(() => runOnServer(server, `DROP DATABASE ${name}`, at));
  const url = new URL(at);
  url.pathname = name;
  return server === 'postgres'
    ? { type: 'postgres', url: url.href }
    : { type: 'mariadb', url: url.href };
}

const ENCODINGS = { postgres: ['LATIN1', 'SQL_ASCII'], mariadb: ['latin1', 'utf8mb3', 'ascii'] };
const create = {
  postgres: (encoding: string) => (name: string) =>
    `CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  mariadb: (encoding: string) => (name: string) =>
    `CREATE DATABASE ${name} CHARACTER SET ${encoding}`,
};

describeOnEachServer('tables that can’t hold every character', (engine) => {
  it.each(ENCODINGS[engine])(
    'I7: stop the start where they are in %s, with each table, the charset and the cure',
    async (encoding) => {
      const { check } = await start(await createIn(engine, create[engine](encoding)));
      const error = await check();
      expect(error).toBeInstanceOf(SessionConfigurationError);
      const { message } = error as SessionConfigurationError;
      for (const table of TABLES) expect(message).toMatch(new RegExp(`["\`]${table}["\`]`));
      expect(message).toContain(
        engine === 'postgres' ? `encoding ${encoding}` : `charset ${encoding}`,
      );
      expect(message).toContain(
        engine === 'postgres'
          ? "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
          : 'ALTER TABLE `auth_session` CONVERT TO CHARACTER SET utf8mb4',
      );
    },
  );

  it.each(ENCODINGS[engine])(
    'I7: are asked for in one statement where they are in %s, and each cure is told once',
    async (encoding) => {
      const log = new StatementLog();
      const options = await createIn(engine, create[engine](encoding));
      const { check } = await start(options, { logging: true, logger: log });
      const from = log.length;
      const message = String(await check());
      const asked = log
        .since(from)
        .filter(({ sql }) => /server_encoding|character_set_client/.test(sql));
      expect(asked).toHaveLength(1);
      const sentences = message.split('. ');
      expect(new Set(sentences).size).toBe(sentences.length);
      expect(message.match(/which (lacks|does not hold)/g)).toHaveLength(
        engine === 'postgres' ? 1 : TABLES.length,
      );
    },
  );

  const likePostgres = engine === 'postgres' ? ['cockroachdb', 'aurora-postgres'] : [];
  it.each(likePostgres)('stop the start by the driver %s too', async (type) => {
    const checkAs = async (encoding: string): Promise<unknown> => {
      const { source } = await start(await createIn(engine, create[engine](encoding)));
      // The server is PostgreSQL; what is asked of it is what this driver's dialect asks.
      const value = { ...source.options, type, maxTransactionRetries: 0 };
      const asDriver = Object.create(source, { options: { value } }) as DataSource;
      return checkSchema(new SessionDatabase(asDriver)).catch((error: unknown) => error);
    };
    const error = await checkAs('SQL_ASCII');
    expect(error).toBeInstanceOf(SessionConfigurationError);
    expect(String(error)).toContain('has the encoding SQL_ASCII, which lacks characters');
    expect(await checkAs('UTF8')).toBeUndefined();
  });

  it('do not stop it where they hold every one', async () => {
    const database = await createTestDatabase(engine);
    undo.push(() => database.drop());
    expect(await (await start(database.options)).check()).toBeUndefined();
  });
});

describeWithOwnServer('mariadb', 'a server that is not in strict mode', (startServer) => {
  const server = startServer(['--sql-mode=', '--character-set-server=latin1']);

  it.each(['latin1', 'utf8mb3'])(
    'gets tables in %s that are refused, and after the cure keeps users apart',
    async (encoding) => {
      const options = await createIn('mariadb', create.mariadb(encoding), server().url);
      const { source, check } = await start(options);
      const cures = [...String(await check()).matchAll(CURE)].map(([, statement]) => statement);
      expect(cures).toHaveLength(TABLES.length);
      for (const statement of cures) await source.query(String(statement));
      expect(await check()).toBeUndefined();
      const table = new SessionDatabase(source).table(Session);
      for (const user of USERS) {
        const row = { id: randomBytes(4).toString('hex'), user };
        await source.query(
          `INSERT INTO ${table.name} (handle, userId, tenantId, generation, parentRefreshTokenHash, rotatedAt, ` +
            'accessTokenPayload, sessionData, dataVersion, persistent, createdAt, authenticatedAt, lastActiveAt, expiresAt) ' +
            `VALUES (UUID(), ?, 'public', 0, ?, 0, '{}', '{}', 0, 1, 0, 0, 0, 0)`,
          [row.user, row.id],
        );
      }
      const rows = await source.query<{ userId: string }[]>(`SELECT userId FROM ${table.name}`);
      expect(rows.map(({ userId }) => userId).toSorted()).toEqual(USERS.toSorted());
    },
  );

  it('and a connection whose charset lacks characters stops the start, and names the option', async () => {
    const options = await createIn('mariadb', create.mariadb('utf8mb4'), server().url);
    const { check } = await start(options, { charset: 'latin1_swedish_ci' });
    expect(String(await check())).toContain(
      'The connection to `auth_session` has the charset latin1, which lacks characters. ' +
        "Remove `charset` from the data source's options.",
    );
  });
});

describeOnEachDatabase('what an application keeps in a session', (engine) => {
  const startFleet = useFleets(engine);

  it('goes to the database in ASCII, and comes back as it was, from rows of before too', async () => {
    const { first } = await startFleet();
    const kept = { name: '山田 😀 “Zoë” \u2028 \u007f', lone: 'a' };
    for (const userId of USERS) {
      const session = await first.sessions.createNewSessionWithoutRequestResponse(
        'public',
        userId,
        kept,
        kept,
      );
      const handle = session.getHandle();
      const rows = first.dataSource.getRepository(Session);
      const expectKept = async (): Promise<void> => {
        expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
          userId,
          sessionDataInDatabase: kept,
          customClaimsInAccessTokenPayload: kept,
        });
      };
      for (const change of [
        () => undefined,
        () => first.sessions.mergeIntoAccessTokenPayload(handle, { name: kept.name }),
        () => first.sessions.updateSessionDataInDatabase(handle, kept),
      ]) {
        await change();
        const row = await rows.findOneByOrFail({ handle });
        expect(row.accessTokenPayload + row.sessionData).toMatch(/^[\u0020-\u007e]+$/);
        await expectKept();
      }
      const text = JSON.stringify(kept);
      await rows.update({ handle }, { accessTokenPayload: text, sessionData: text });
      await expectKept();
      const refreshed = await first.sessions.refreshSessionWithoutRequestResponse(
        refreshTokenOf(session),
      );
      expect(refreshed.getAccessTokenPayload()).toMatchObject(kept);
    }
    for (const userId of USERS) {
      expect(await first.sessions.getAllSessionHandlesForUser(userId)).toHaveLength(1);
    }
  });

  it('may be as large as its column, counted as it is stored', async () => {
    const { first } = await startFleet();
    const data = (characters: number) => ({ text: '山'.repeat(characters) });
    const fits = await first.sessions.createNewSessionWithoutRequestResponse(
      'public',
      'bob',
      {},
      data(9_990),
    );
    expect(await fits.getSessionDataFromDatabase()).toEqual(data(9_990));
    await expect(
      first.sessions.createNewSessionWithoutRequestResponse('public', 'bob', {}, data(10_000)),
    ).rejects.toMatchObject({ status: 400 });
  });
});
