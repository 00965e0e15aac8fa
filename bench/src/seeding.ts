import type { Engine } from './databases.js';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const MARGIN_MS = 120_000;

const USER_AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const CLAIMS =
  '{"st-role":{"v":["member"],"t":1795459254002},"plan":"standard","name":"Ada Lovelace"}';

/** Statements that fill our tables by the database alone, so that a million rows take seconds. */
export interface Seeding {
  /** @param isTypical with user ids, claims and clients as long as applications have them; else as short as can be */
  sessions(count: number, expiresInMs: number, isTypical?: boolean): string;
  revocations(count: number): string;
  /** Lets the planner know of them. */
  analyze(table: string): string;
}

/** How many sessions a user has, however many there are in all. */
export const SESSIONS_OF_A_USER = 5;

/** Sessions that were created over the last month, one after the other. */
export function seedingFor(engine: Engine): Seeding {
  const { quote, numbers, hex, text, uuid, truth, analyze } = DIALECTS[engine];
  const names = (columns: string) => columns.split(' ').map(quote).join(', ');
  const insert = (table: string, columns: string, values: string[], count: number) =>
    `INSERT INTO ${quote(table)} (${names(columns)}) ${numbers(count, values.join(', '))}`;
  return {
    analyze: (table) => `${analyze} ${quote(table)}`,
    sessions: (count, expiresInMs, isTypical = false) => {
      const now = Date.now();
      const created = `(${now - 30 * DAY_MS} + n * ${Math.floor((30 * DAY_MS) / count)})`;
      const time = [`substr(${hex(created)}, 1, 8)`, "'-'", `substr(${hex(created)}, 9, 4)`];
      const handle = uuid(text(...time, "'-7000-8000-'", hex('n')));
      const lineage = ['0', `'${'0'.repeat(64)}'`, created, isTypical ? created : 'NULL'];
      const user = `(n % ${Math.ceil(count / SESSIONS_OF_A_USER)})`;
      const userId = isTypical
        ? text("'5b3c1f0e-9d2a-4c6b-8e7f-'", hex(user))
        : text("'user-'", user);
      const device = isTypical ? ["'203.0.113.195'", `'${USER_AGENT}'`] : ['NULL', 'NULL'];
      const values = ["''", handle, userId, "'public'", ...lineage];
      const payload = [isTypical ? `'${CLAIMS}'` : "'{}'", "'{}'", '0', truth];
      const expiresAt = isTypical ? `${created} + ${expiresInMs}` : String(now + expiresInMs);
      const times = [created, created, created, expiresAt];
      return insert(
        'auth_session',
        'realm handle userId tenantId generation parentRefreshTokenHash rotatedAt confirmedAt accessTokenPayload sessionData dataVersion persistent createdAt authenticatedAt lastActiveAt expiresAt ip userAgent',
        [...values, ...payload, ...times, ...device],
        count,
      );
    },
    revocations: (count) => {
      const now = Date.now();
      const id = uuid(text("'00000000-0000-4000-8000-'", hex('n')));
      const handle = uuid(text("'01900000-0000-7000-8000-'", hex('n')));
      const at = `${now - HOUR_MS} + n % ${HOUR_MS}`;
      const revoked = [at, `${at} + ${HOUR_MS + MARGIN_MS}`, `${at} + ${7 * DAY_MS}`];
      const userId = text("'5b3c1f0e-9d2a-4c6b-8e7f-'", hex('n'));
      return insert(
        'auth_session_revocation',
        'realm id kind handle userId tenantId cutOffAt reason detail revokedAt expiresAt keptUntil',
        [
          "''",
          id,
          "'session'",
          handle,
          userId,
          "'public'",
          'NULL',
          "'revoked'",
          'NULL',
          ...revoked,
        ],
        count,
      );
    },
  };
}

interface Dialect {
  quote: (name: string) => string;
  /** Selects values for `n` from 1 to a count. */
  numbers: (count: number, values: string) => string;
  /** A number in hex, with twelve digits. */
  hex: (number: string) => string;
  text: (...parts: string[]) => string;
  uuid: (text: string) => string;
  truth: string;
  analyze: string;
}

const standardQuote = (name: string) => `"${name}"`;

const DIALECTS: Readonly<Record<Engine, Dialect>> = {
  sqlite: {
    quote: standardQuote,
    numbers: (count, values) =>
      `WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${count}) SELECT ${values} FROM s`,
    hex: (number) => `printf('%012x', ${number})`,
    text: (...parts) => parts.join(' || '),
    uuid: (text) => text,
    truth: '1',
    analyze: 'ANALYZE',
  },
  postgres: {
    quote: standardQuote,
    numbers: (count, values) =>
      `SELECT ${values} FROM generate_series(1::bigint, ${count}) AS s(n)`,
    hex: (number) => `lpad(to_hex(${number}), 12, '0')`,
    text: (...parts) => parts.join(' || '),
    uuid: (text) => `(${text})::uuid`,
    truth: 'true',
    analyze: 'ANALYZE',
  },
  mariadb: {
    quote: (name) => `\`${name}\``,
    numbers: (count, values) =>
      `SELECT ${values} FROM (SELECT seq AS n FROM seq_1_to_${count}) AS s`,
    hex: (number) => `lpad(lower(hex(${number})), 12, '0')`,
    text: (...parts) => `concat(${parts.join(', ')})`,
    uuid: (text) => text,
    truth: '1',
    analyze: 'ANALYZE TABLE',
  },
};
