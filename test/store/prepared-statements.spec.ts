import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sessionEntities, SessionService } from '../../lib/index.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import type { SessionRecord } from '../../lib/store/session-record.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { SigningKeyStore } from '../../lib/store/signing-key.store.js';
import { Table } from '../../lib/store/table.js';
import { Tables } from '../../lib/store/tables.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { bothCookies, Scene } from '../support/scene.js';

/** How many columns were looked up by name, and how many entities' names were read from the data source. */
async function lookUpsOf(act: () => Promise<unknown>): Promise<number> {
  const columns = vi.spyOn(Table.prototype, 'column');
  const tables = vi.spyOn(DataSource.prototype, 'getMetadata');
  await act();
  const lookUps = columns.mock.calls.length + tables.mock.calls.length;
  columns.mockRestore();
  tables.mockRestore();
  return lookUps;
}

function sessionRecord(nowMs: number): SessionRecord {
  return {
    handle: newSessionHandle(nowMs),
    userId: '1',
    tenantId: 'public',
    generation: 0,
    parentHash: '0'.repeat(64),
    rotatedAtMs: nowMs,
    confirmedAtMs: null,
    accessTokenPayload: {},
    sessionData: {},
    dataVersion: 0,
    persistent: true,
    createdAtMs: nowMs,
    authenticatedAtMs: nowMs,
    lastActiveAtMs: nowMs,
    expiresAtMs: nowMs + 1,
    actor: null,
    impersonating: null,
    deviceKey: null,
    challengeAcceptedAtMs: null,
    ip: null,
    userAgent: null,
  };
}

describe('the texts of the statements', () => {
  let scene: Scene | undefined;
  const sources: DataSource[] = [];
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
    for (const source of sources.splice(0)) await source.destroy();
  });

  async function connect(options: Partial<DataSourceOptions> = {}): Promise<DataSource> {
    const source = new DataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      entities: [...sessionEntities],
      synchronize: true,
      ...options,
    } as DataSourceOptions);
    sources.push(await source.initialize());
    return source;
  }

  it('are made once, and not again for each sign-out', async () => {
    const opened = (scene = await Scene.open());
    const [first, second] = [await opened.login('u1'), await opened.login('u2')];
    await opened.post('/auth/signout', bothCookies(first));
    const signOut = () => opened.post('/auth/signout', bothCookies(second));
    expect(await lookUpsOf(signOut)).toBeLessThanOrEqual(10);
    expect(await opened.sessionRow(second.handle)).toBeNull();
  });

  it('are made once, and not again each time that a user is logged out everywhere', async () => {
    const opened = (scene = await Scene.open());
    const sessions = opened.booted.app.get(SessionService);
    for (const userId of ['u1', 'u2']) await opened.login(userId);
    await sessions.revokeAllSessionsForUser('u1');
    const revokeAll = () => sessions.revokeAllSessionsForUser('u2');
    expect(await lookUpsOf(revokeAll)).toBeLessThanOrEqual(20);
    expect(await sessions.getAllSessionHandlesForUser('u2')).toEqual([]);
  });

  it('are made once for all transactions, those of the application among them', async () => {
    const opened = (scene = await Scene.open());
    const sessions = opened.booted.app.get(SessionService);
    const logInAndOut = () =>
      opened.booted.dataSource.transaction(async (manager) => {
        const own = sessions.withManager(manager);
        await own.createNewSessionWithoutRequestResponse('public', 'u1');
        await own.revokeAllSessionsForUser('u1');
      });
    await logInAndOut();
    expect(await lookUpsOf(logInAndOut)).toBeLessThanOrEqual(20);
  });

  it('are those of their own realm, where two modules have one data source', async () => {
    const source = await connect();
    const storeOf = (realm: string) => {
      const tables = new Tables(source, realm);
      return new SessionStore(new SessionDatabase(source, undefined, undefined, tables));
    };
    const [shop, office] = [storeOf('aa'), storeOf('bb')];
    const nowMs = 1_700_000_000_000;
    const record = sessionRecord(nowMs);
    await shop.insert(record);
    expect(await shop.find(record.handle)).toEqual(record);
    expect(await office.find(record.handle)).toBeUndefined();
    await office.deleteAll([record.handle]);
    expect(await shop.handlesOfUser('1', undefined)).toEqual([record.handle]);
    expect(await office.handlesOfUser('1', undefined)).toEqual([]);
  });

  it('are those of their own data source, where an application has two', async () => {
    const plain = new SigningKeyStore(new SessionDatabase(await connect()));
    const prefixed = new SigningKeyStore(
      new SessionDatabase(await connect({ entityPrefix: 'shop_' })),
    );
    const record = {
      kid: 'd-1',
      realm: '',
      kind: 'dynamic',
      algorithm: 'RS256',
      sequence: 1,
      material: 'm',
      createdAtMs: 1,
      activeAtMs: 1,
    };
    expect(await plain.insertIntoSlot(record)).toBe(true);
    expect(await prefixed.findAll()).toEqual([]);
    expect(await prefixed.insertIntoSlot({ ...record, kid: 'd-2' })).toBe(true);
    expect(await plain.findAll()).toEqual([record]);
  });
});
