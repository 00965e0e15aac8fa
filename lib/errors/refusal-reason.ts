/**
 * Why something was refused. A closed set, for counters and logs; docs say what each one asks of an operator. It never
 * stands in an answer to a client.
 *
 * @publicApi
 */
export type RefusalReason =
  /** The request carries no access token. */
  | 'no-access-token'
  /** It carries several, of which none can be chosen. */
  | 'access-token-ambiguous'
  /** No key of this server has made the token, or it was made for somebody else. */
  | 'access-token-invalid'
  | 'access-token-expired'
  /** The key that signed it has been taken out of use. */
  | 'signing-key-revoked'
  /** The session was revoked, as the feed of revocations says. */
  | 'session-revoked'
  /** The database has no such session, or says that it is over. */
  | 'session-over'
  | 'no-refresh-token'
  | 'refresh-token-ambiguous'
  /** No key of this server has made the token. */
  | 'refresh-token-invalid'
  /** A spent refresh token came back: the session was revoked. */
  | 'token-theft'
  /** The request does not prove that a page of ours sent it. */
  | 'anti-csrf'
  /** The session's claims are not what the route asks for. */
  | 'claims'
  /** The handler of a login found no user. */
  | 'no-user'
  /** The user's sessions were revoked between the beginning of the login and its end. */
  | 'login-overtaken'
  /** Somebody else proved who they are than the session's user. */
  | 'other-user'
  /** Another site's page sent a login or opened a socket. */
  | 'cross-site'
  | 'session-limit'
  | 'rate-limit'
  /** An argument of which no session can be made. */
  | 'input'
  | 'store-unavailable'
  /** The database refuses a statement for good; the log says why. */
  | 'store-failed'
  /** The application threw the exception itself, without a reason. */
  | 'application';
