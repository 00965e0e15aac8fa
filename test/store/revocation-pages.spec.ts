import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { expect, it, onTestFinished } from 'vitest';
import { sessionEntities } from '../../lib/index.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import type { RevocationRecord } from '../../lib/store/revocation-record.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';

const NOW_MS = 1_700_000_000_000;

function line(revokedAtMs: number, expiresAtMs = NOW_MS + 1): RevocationRecord {
  return {
    id: randomUUID(),
    kind: 'session',
    handle: randomUUID(),
    userId: null,
    tenantId: null,
    cutOffAtMs: null,
    reason: 'revoked',
    detail: null,
    revokedAtMs,
    expiresAtMs,
    keptUntilMs: expiresAtMs,
  };
}

async function all(pages: AsyncIterable<RevocationRecord[]>): Promise<RevocationRecord[]> {
  const found: RevocationRecord[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}

describeOnEachDatabase('the revocation feed, read in pages,', (engine) => {
  async function openStore(): Promise<RevocationStore> {
    const database = await createTestDatabase(engine);
    onTestFinished(() => database.drop());
    const entities = [...sessionEntities];
    const dataSource = new DataSource({ ...database.options, entities, synchronize: true });
    await dataSource.initialize();
    onTestFinished(() => dataSource.destroy());
    return new RevocationStore(new SessionDatabase(dataSource));
  }

  const ids = (records: readonly RevocationRecord[]) => records.map(({ id }) => id).toSorted();

  it('has every line once, also of the many that were revoked in one millisecond', async () => {
    const store = await openStore();
    const lines = [
      ...Array.from({ length: 900 }, (_, index) => line(NOW_MS - 5_000 + index)),
      ...Array.from({ length: 2_500 }, () => line(NOW_MS - 2_000)),
      ...Array.from({ length: 100 }, (_, index) => line(NOW_MS - 1_000 + index)),
    ];
    await store.insert(lines.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    expect(ids(await all(store.pagesSince(0, NOW_MS)))).toEqual(ids(lines));
  });

  it('ends with a page that is full', async () => {
    const store = await openStore();
    const lines = Array.from({ length: 2_000 }, () => line(NOW_MS));
    await store.insert(lines);
    expect(ids(await all(store.pagesSince(NOW_MS, NOW_MS)))).toEqual(ids(lines));
  });

  it('leaves out what was revoked earlier, and what no token can be left of', async () => {
    const store = await openStore();
    const wanted = line(NOW_MS - 10);
    await store.insert([line(NOW_MS - 11), wanted, line(NOW_MS, NOW_MS)]);
    expect(ids(await all(store.pagesSince(NOW_MS - 10, NOW_MS)))).toEqual([wanted.id]);
  });

  it('leaves out the sessions that expired by themselves, of which each has a line once it is pruned', async () => {
    const store = await openStore();
    const wanted = line(NOW_MS - 10);
    const expired = Array.from({ length: 20 }, () => line(NOW_MS - 10, NOW_MS - 10));
    await store.insert([...expired, wanted]);
    expect(ids(await all(store.pagesSince(0, NOW_MS - 20)))).toEqual([wanted.id]);
    expect(ids(await all(store.livePages(NOW_MS - 20)))).toEqual([wanted.id]);
  });

  it('has all that a token can be left of, and every cut-off, where it is read as a whole', async () => {
    const store = await openStore();
    const cutOff = { kind: 'cut-off', handle: null, cutOffAtMs: NOW_MS - 9_000 } as const;
    const stale = { ...cutOff, kind: 'stale-claims', userId: 'bob' } as const;
    const wanted = [
      ...Array.from({ length: 1_500 }, (_, index) => line(index, NOW_MS + 1 + (index % 3))),
      { ...line(NOW_MS), ...stale },
      { ...line(NOW_MS - 9_000, NOW_MS - 1), ...cutOff },
      { ...line(NOW_MS - 9_000), ...cutOff },
    ];
    await store.insert([...wanted, line(NOW_MS, NOW_MS), { ...line(NOW_MS, NOW_MS), ...stale }]);
    expect(ids(await all(store.livePages(NOW_MS)))).toEqual(ids(wanted));
  });
});
