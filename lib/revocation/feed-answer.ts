/** The version of the protocol between an issuer and the readers of its feed. A reader refuses a higher version. */
export const FEED_VERSION = 1;

/** The most lines in one answer of the feed. */
export const FEED_PAGE_LINES = 1_000;

/** The headers that describe the feed in an answer without a body (304), in milliseconds. */
export const FEED_TIME_HEADER = 'session-feed-time';
export const FEED_AGE_HEADER = 'session-feed-age';

/** The header that says for how long the answer was held back, in milliseconds. */
export const FEED_HELD_HEADER = 'session-feed-held';

/** One line of the feed, in the form sent to services without a database. Times in milliseconds since the epoch. */
export type FeedLine =
  | {
      readonly kind: 'session';
      readonly handle: string;
      readonly userId?: string;
      readonly tenantId?: string;
      /** Until then, an unexpired access token of the session can still appear. */
      readonly until: number;
    }
  | {
      readonly kind: 'cut-off';
      /** The user of the sessions; everyone if absent. */
      readonly userId?: string;
      /** The tenant of the sessions; all of them if absent. */
      readonly tenantId?: string;
      /** Sessions created before this are over. */
      readonly createdBefore: number;
      readonly until: number;
    }
  | {
      readonly kind: 'stale-claims';
      readonly userId: string;
      /** Claims fetched before this must be fetched again. */
      readonly fetchedBefore: number;
      readonly until: number;
    };

/** An answer of the feed. Moments are in milliseconds since the epoch, durations in milliseconds. */
export interface FeedAnswer {
  readonly version: number;
  /** The `iss` of the access tokens in question. */
  readonly issuer: string | null;
  /** Their `aud`. */
  readonly audience: string | null;
  /** The issuer's clock. */
  readonly time: number;
  /** The age of the issuer's own news. */
  readonly age: number;
  /** How long an access token is valid at most. */
  readonly accessTokenLifetime: number;
  /** The keys that may have signed an access token, and when the issuer read them. */
  readonly keys: { readonly at: number; readonly ids: readonly string[] };
  /** The names of the claims that a refresh fetches again if they are stale. */
  readonly claims: readonly string[];
  /** The cursor for the next request. */
  readonly cursor: string;
  /** Whether there is more to read now. */
  readonly more: boolean;
  readonly lines: readonly FeedLine[];
}
