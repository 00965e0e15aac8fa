/**
 * Why something was refused. The set is closed, for counters and logs; the docs say what an operator does about each
 * one. No answer to a client contains it.
 *
 * @publicApi
 */
export type RefusalReason =
  /** The request carries no access token. */
  | 'no-access-token'
  /** It carries several, and there is no rule to choose one. */
  | 'access-token-ambiguous'
  /** No key of this server made the token, its audience or issuer is another, or it is not valid yet by this clock. */
  | 'access-token-invalid'
  | 'access-token-expired'
  /** The key that signed it has been taken out of use. */
  | 'signing-key-revoked'
  /** The feed of revocations says that the session was revoked. */
  | 'session-revoked'
  /** The database has no such session, or the session has expired. */
  | 'session-over'
  /** Another session of the same client has just taken the place of the refresh token's. */
  | 'session-replaced'
  | 'no-refresh-token'
  | 'refresh-token-ambiguous'
  /** No key of this server made the token, or another tab has overtaken one that waited through an impersonation. */
  | 'refresh-token-invalid'
  /** A spent refresh token came back: the session was revoked. */
  | 'token-theft'
  /** The request does not prove that one of our own pages sent it. */
  | 'anti-csrf'
  /** The session's claims do not satisfy the route. */
  | 'claims'
  /** The login handler found no user. */
  | 'no-user'
  /** The user's sessions were revoked while the login was under way. */
  | 'login-overtaken'
  /** The person who proved their identity is not the session's user. */
  | 'other-user'
  /** A page of another site sent a login or opened a socket. */
  | 'cross-site'
  /** A request for the feed of revocations shows none of its secrets. */
  | 'feed-secret'
  /** A refresh of a bound session brought neither a proof of its device nor a good access token. */
  | 'device-proof-missing'
  /** The proof of a device is malformed, whoever signed it. */
  | 'device-proof-malformed'
  /** A key other than the device's signed the proof. */
  | 'device-signature'
  /** The proof of a registration answers a challenge of another session, or one that we never issued. */
  | 'device-challenge'
  /** The session is already bound to another key. */
  | 'device-bound-already'
  /** A token of a bound session came in a header, and nothing binds a header to the device. */
  | 'bound-session-in-header'
  | 'session-limit'
  | 'rate-limit'
  /** As many sockets as `live.pending` allows already wait for their token. */
  | 'pending-limit'
  /** A socket could not be judged within a minute: the application's own `fetchValue` or a validator hangs. */
  | 'verification-timeout'
  /** No session can be made from an argument. */
  | 'input'
  | 'store-unavailable'
  /** The keys in the database can't be opened: `encryptionKey` is wrong or missing. */
  | 'keys-unreadable'
  /** A service without a database has had no news or no keys from the issuer for too long. */
  | 'issuer-unavailable'
  /** Claims that the route requires have changed since they were fetched. */
  | 'claims-stale'
  /** The database refuses a statement permanently; the log says why. */
  | 'store-failed'
  /** The application threw the exception itself, without a reason. */
  | 'application';
