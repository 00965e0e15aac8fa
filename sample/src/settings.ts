import ms, { type StringValue } from 'ms';
import { join } from 'node:path';

/** The settings of the sample that the environment can change. */
export interface Settings {
  /** `undefined`: 3000, or a free one if that is taken. */
  readonly port: number | undefined;
  /** The address to listen on. */
  readonly host: string;
  /** A certificate and its key, as PEM files: with them the sample speaks https. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** The SQLite file. */
  readonly database: string;
  readonly accessTokenLifetimeSeconds: number;
  readonly refreshTokenLifetimeSeconds: number;
  readonly gracePeriodSeconds: number;
  /** How recently the password must have been entered for sensitive actions. */
  readonly freshForSeconds: number;
}

export const settings: Settings = readSettings(process.env);

/**
 * Lifetimes and the grace period are shorter here than the package's own ('1h', '100d' and '30s'), so that a visitor
 * sees a refresh and a detected theft without waiting.
 *
 * @throws {Error} if PORT is not a port, or a duration is invalid
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const seconds = (name: string, otherwise: StringValue): number =>
    readSeconds(name, environment[name] ?? otherwise);
  return {
    port: readPort(environment['PORT']),
    // The demo users' passwords are public, so only this machine may reach the sample.
    host: environment['SAMPLE_HOST'] ?? '127.0.0.1',
    tls: readTls(environment['SAMPLE_CERTIFICATE'], environment['SAMPLE_KEY']),
    database: environment['SAMPLE_DATABASE'] ?? join(import.meta.dirname, '../sample.sqlite'),
    accessTokenLifetimeSeconds: seconds('ACCESS_TOKEN_LIFETIME', '1m'),
    refreshTokenLifetimeSeconds: seconds('REFRESH_TOKEN_LIFETIME', '7d'),
    gracePeriodSeconds: seconds('GRACE_PERIOD', '2s'),
    freshForSeconds: seconds('FRESH_FOR', '30s'),
  };
}

function readSeconds(name: string, text: string): number {
  // A bare number could mean seconds or milliseconds, so a unit is required.
  const milliseconds: unknown = /[a-z]\s*$/i.test(text) ? ms(text as StringValue) : undefined;
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
    throw new Error(`${name} must be a duration with its unit, such as '90s', '15m' or '1h'.`);
  }
  return milliseconds / 1000;
}

function readTls(cert?: string, key?: string): Settings['tls'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new Error('SAMPLE_CERTIFICATE and SAMPLE_KEY go together.');
  }
  return { cert, key };
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error('PORT must be a whole number from 0 (any free port) to 65535.');
  }
  return port;
}
