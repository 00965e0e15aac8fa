/** @throws {Error} if NODE_ENV is production, because the tool lets anybody in */
export function refuseInProduction(what: string): void {
  if (process.env['NODE_ENV'] !== 'production') return;
  throw new Error(`${what} is for tests only, but NODE_ENV is production`);
}
