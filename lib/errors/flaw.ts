/** The codes of the findings of `inspectSessions`, for `switch` and for lists of accepted findings. @publicApi */
export type FindingCode =
  | 'database-unreachable'
  | 'data-source'
  | 'tables'
  | 'charsets'
  | 'indexes'
  | 'pool-size'
  | 'encryption-key'
  | 'encryption-key-migration'
  | 'keys-unreadable'
  | 'clock'
  | 'feed'
  | 'cookie-domain'
  | 'cookie-same-site'
  | 'plain-http'
  | 'cors'
  | 'unguarded-handler'
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
}
