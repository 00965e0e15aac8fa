import type { AccessTokenPayload } from './access-token-payload.js';
import { isClaimKey } from './claim-key.js';
import { assertMaxAge } from './max-age.js';

/**
 * The user whose claim is fetched.
 *
 * @publicApi
 */
export interface ClaimSubject {
  readonly userId: string;
  readonly tenantId: string;
  /**
   * The payload so far: it already holds the claims that come earlier in the order. The reserved claims are beside them.
   * At a login and by handle, where there is no token yet, they are those of a token made now, without
   * `refreshTokenHash1`, `parentRefreshTokenHash1` and `antiCsrfToken`.
   */
  readonly accessTokenPayload: Readonly<AccessTokenPayload>;
}

/**
 * Finds the value of a claim; `undefined` leaves the value as it is.
 *
 * @publicApi
 */
export type FetchClaimValue<T> = (subject: ClaimSubject) => T | undefined | Promise<T | undefined>;

/**
 * The options of a claim.
 *
 * @publicApi
 */
export interface SessionClaimOptions<T> {
  /** The claim's name in the payload: not empty, and not one of the reserved names such as `sub` or `exp`. */
  key: string;
  /** Finds the value. A subclass that overrides the method of this name needs no such option. */
  fetchValue?: FetchClaimValue<T>;
  /**
   * How old a value may be for validators that set no age of their own. Seconds; not negative; 0 fetches for every
   * request.
   *
   * @default none: a value never becomes too old
   */
  defaultMaxAgeInSeconds?: number;
}

/**
 * A fact about a user that sessions carry in their access token, as `payload[key] = { v: value, t: fetched at }`. The
 * time is in milliseconds since the epoch. All methods except `fetchValue` and `build` are pure.
 *
 * A claim is an object made from options, or a provider. A provider is an `@Injectable()` class that extends one of the
 * claims, injects services and overrides `fetchValue`.
 *
 * @see SuperTokens' `SessionClaim`
 * @publicApi
 */
export abstract class SessionClaim<T> {
  /** The claim's name in the payload. */
  readonly key: string;
  /** How old a value may be for validators that set no age of their own, in seconds. */
  readonly defaultMaxAgeInSeconds: number | undefined;
  private readonly fetchByOption: FetchClaimValue<T> | undefined;

  /**
   * @throws {TypeError} if the key is reserved, the maximum age is not a number of seconds, or nothing fetches the
   * value
   */
  constructor(options: SessionClaimOptions<T>) {
    const { key, fetchValue, defaultMaxAgeInSeconds } = options;
    if (!isClaimKey(key)) throw new TypeError(refusalOfKey(key));
    assertMaxAge('defaultMaxAgeInSeconds', defaultMaxAgeInSeconds);
    this.key = key;
    this.defaultMaxAgeInSeconds = defaultMaxAgeInSeconds;
    this.fetchByOption = fetchValue;
    if (typeof fetchValue !== 'function' && !this.overridesFetchValue()) {
      throw new TypeError(
        `The claim "${key}" has nothing to fetch its value with: give it the option fetchValue, or override the method fetchValue.`,
      );
    }
  }

  /** Whether a value from a token or a fetch is valid for this claim. A payload may have any shape. */
  protected abstract isValue(value: unknown): value is T;

  /** Finds the value for a user; `undefined` leaves the value as it is. Subclasses override only this method. */
  fetchValue(subject: ClaimSubject): T | undefined | Promise<T | undefined> {
    return this.fetchByOption?.(subject);
  }

  /** Fetches the value and returns the part of a payload that holds it: `{}` if there is no value. */
  async build(subject: ClaimSubject, nowMs: number): Promise<AccessTokenPayload> {
    const value = await this.fetchValue(subject);
    return value === undefined ? {} : this.addToPayload({}, value, nowMs);
  }

  /**
   * A copy of the payload with the value in it, fetched now.
   *
   * @throws {TypeError} if the value is not valid for this claim
   */
  addToPayload(payload: Readonly<AccessTokenPayload>, value: T, nowMs: number): AccessTokenPayload {
    if (!this.canHold(value)) {
      throw new TypeError(
        `The claim "${this.key}" cannot hold a value of type ${typeof value}: reading it would find no value.`,
      );
    }
    return { ...copyOf(payload), [this.key]: { v: value, t: nowMs } };
  }

  /** A copy of the payload without this claim. */
  removeFromPayload(payload: Readonly<AccessTokenPayload>): AccessTokenPayload {
    const entries = Object.entries(copyOf(payload));
    return Object.fromEntries(entries.filter(([name]) => name !== this.key));
  }

  /** A copy of the payload that deletes this claim when it is merged into a session, because the key is `null`. */
  removeFromPayloadByMerge(payload: Readonly<AccessTokenPayload>): AccessTokenPayload {
    return { ...copyOf(payload), [this.key]: null };
  }

  /** The claim's value; `undefined` if there is none, or if it has the wrong shape. */
  getValueFromPayload(payload: Readonly<AccessTokenPayload>): T | undefined {
    return this.entryIn(payload)?.value;
  }

  /** When the value was fetched, in milliseconds since the epoch; `undefined` if there is no value. */
  getLastFetchedTimeMs(payload: Readonly<AccessTokenPayload>): number | undefined {
    return this.entryIn(payload)?.fetchedAtMs;
  }

  // Only own properties count: a value from a polluted prototype is never a claim (CWE-1321).
  private entryIn(payload: unknown): { value: T; fetchedAtMs: number } | undefined {
    try {
      const entry = ownProperty(payload, this.key);
      const value = ownProperty(entry, 'v');
      const fetchedAtMs = ownProperty(entry, 't');
      if (!this.isValue(value) || typeof fetchedAtMs !== 'number') return undefined;
      return Number.isFinite(fetchedAtMs) ? { value, fetchedAtMs } : undefined;
    } catch {
      // A throwing getter gives no value.
      return undefined;
    }
  }

  /** @internal whether reading the value would find it */
  canHold(value: unknown): value is T {
    try {
      return this.isValue(value);
    } catch {
      return false;
    }
  }

  private overridesFetchValue(): boolean {
    const inherited: unknown = Reflect.get(SessionClaim.prototype, 'fetchValue');
    return Reflect.get(this, 'fetchValue') !== inherited;
  }
}

function copyOf(payload: unknown): AccessTokenPayload {
  try {
    if (typeof payload === 'object' && payload !== null) return { ...payload };
  } catch {
    throw new TypeError('payload cannot be read: something in it throws.');
  }
  throw new TypeError(`payload is of type ${typeof payload}; it must be an object.`);
}

function ownProperty(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || Array.isArray(holder)) return undefined;
  return Object.hasOwn(holder, name) ? Reflect.get(holder, name) : undefined;
}

function refusalOfKey(key: unknown): string {
  const given = typeof key === 'string' ? `"${key}"` : `a value of type ${typeof key}`;
  return `A claim's key is ${given}; it must be a string, not empty, not a name that the session itself writes (such as "sub" or "exp"), and not "__proto__", "constructor" or "prototype".`;
}
