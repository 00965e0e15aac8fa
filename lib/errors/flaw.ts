import { SessionConfigurationError } from './session-configuration.error.js';

/** The codes of the findings of `inspectSessions`, for `switch` and for lists of accepted findings. @publicApi */
export type FindingCode =
  | 'database-unreachable'
  | 'data-source'
  | 'tables'
  | 'charsets'
  | 'indexes'
  | 'pool-size'
  | 'statement-logging'
  | 'encryption-key'
  | 'encryption-key-migration'
  | 'keys-unreadable'
  | 'clock'
  | 'feed'
  | 'cookie-domain'
  | 'cookie-same-site'
  | 'cookie-path'
  | 'plain-http'
  | 'cors'
  | 'kinds'
  | 'claims'
  | 'decorators'
  | 'gateways'
  | 'unguarded-handler'
  | 'refused-message'
  | 'unanswered-login'
  | 'entity-answered'
  | 'hidden-host'
  | 'cross-site'
  | 'stray-cookie'
  | 'two-sessions';

/** Something wrong with a setup. Its texts hold only names, never a value. */
export interface Flaw {
  readonly code: FindingCode;
  readonly cause: string;
  readonly cure: string;
  /** The error that has shown it. It is for the log alone. */
  readonly origin?: unknown;
}

/** The error with which a flaw stops the start. */
export function errorOfFlaw({ cause, cure, origin }: Flaw): SessionConfigurationError {
  const options = origin === undefined ? undefined : { cause: origin };
  return new SessionConfigurationError(`${cause} ${cure}`, options);
}

/** @throws {SessionConfigurationError} that names the first flaw, if there is one */
export function refuse([first]: readonly Flaw[]): void {
  if (first !== undefined) throw errorOfFlaw(first);
}
