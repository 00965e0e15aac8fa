import ms, { type StringValue } from 'ms';
import { join } from 'node:path';

/** What the environment can change about the sample. */
export interface Settings {
  /** `undefined`: 3000, or a free one when that is taken. */
  readonly port: number | undefined;
  /** The SQLite file. */
  readonly database: string;
  readonly accessTokenLifetimeSeconds: number;
  readonly refreshTokenLifetimeSeconds: number;
  readonly gracePeriodSeconds: number;
  /** How long ago the password may have been asked for where it matters. */
  readonly freshForSeconds: number;
}

export const settings: Settings = readSettings(process.env);

/**
 * Lifetimes and the grace period are shorter here than the package's own ('1h', '100d' and '30s'), so that a visitor
 * sees a refresh, and a theft found out, without waiting for it.
 *
 * @throws {Error} when PORT is no port, or a duration none
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const seconds = (name: string, otherwise: StringValue): number =>
    readSeconds(name, environment[name] ?? otherwise);
  return {
    port: readPort(environment['PORT']),
    database: environment['SAMPLE_DATABASE'] ?? join(import.meta.dirname, '../sample.sqlite'),
    accessTokenLifetimeSeconds: seconds('ACCESS_TOKEN_LIFETIME', '1m'),
    refreshTokenLifetimeSeconds: seconds('REFRESH_TOKEN_LIFETIME', '7d'),
    gracePeriodSeconds: seconds('GRACE_PERIOD', '2s'),
    freshForSeconds: seconds('FRESH_FOR', '30s'),
  };
}

function readSeconds(name: string, text: string): number {
  // A number alone is not said to be seconds or milliseconds, so a unit has to be there.
  const milliseconds: unknown = /[a-z]\s*$/i.test(text) ? ms(text as StringValue) : undefined;
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
    throw new Error(`${name} must be a duration with its unit, such as '90s', '15m' or '1h'.`);
  }
  return milliseconds / 1000;
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error('PORT must be a whole number from 0 (any free port) to 65535.');
  }
  return port;
}
