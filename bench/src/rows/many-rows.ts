/** What is done on many rows again and again. */
export const ROWS_OPERATIONS = [
  'create',
  'verify',
  'refresh',
  'list',
  'login and revoke-all',
] as const;
export type RowsOperation = (typeof ROWS_OPERATIONS)[number];

/** How many sessions a program knows the tokens of. */
export const KNOWN_SESSIONS = 500;

const MONTH_MS = 30 * 24 * 60 * 60 * 1000;

/** Times over the last month, in no order. */
export function pastTimes(count: number): number[] {
  const now = Date.now();
  return Array.from({ length: count }, () => now - Math.floor(Math.random() * MONTH_MS));
}

/** One of the users that the table was filled with. */
export function someUser(users: number): string {
  return `user-${Math.floor(Math.random() * users)}`;
}
