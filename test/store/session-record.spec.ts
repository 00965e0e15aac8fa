import { describe, expect, it } from 'vitest';
import { toParameters, toSessionRecord, SESSION_COLUMNS } from '../../lib/store/session-record.js';

const RECORD = {
  handle: '01900000-0000-7000-8000-000000000000',
  userId: 'bob',
  tenantId: 'public',
  generation: 0,
  parentHash: '0'.repeat(64),
  rotatedAtMs: 1,
  confirmedAtMs: null,
  accessTokenPayload: { plan: 'free' },
  sessionData: { cart: [1] },
  dataVersion: 0,
  persistent: true,
  createdAtMs: 1,
  authenticatedAtMs: 1,
  lastActiveAtMs: 1,
  expiresAtMs: 2,
  actor: null,
  impersonating: null,
  deviceKey: null,
  challengeAcceptedAtMs: null,
  ip: null,
  userAgent: null,
};

function rowOf(record: typeof RECORD): Record<string, unknown> {
  const values = toParameters(record);
  return Object.fromEntries(SESSION_COLUMNS.map((column, index) => [column, values[index]]));
}

describe("a session's row", () => {
  it('is read as it was written', () => {
    expect(toSessionRecord(rowOf(RECORD))).toEqual(RECORD);
  });

  it.each(['accessTokenPayload', 'sessionData'])(
    'whose %s is no JSON is refused by the name of the column, without a word of what stands there',
    (column) => {
      const row = { ...rowOf(RECORD), [column]: 'Ada Lovelace' };
      const refusal = `${column} of a session's row is not valid JSON: another program has written to it`;
      expect(() => toSessionRecord(row)).toThrow(new Error(refusal));
    },
  );
});
