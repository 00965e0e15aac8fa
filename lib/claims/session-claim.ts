import type { AccessTokenPayload } from './access-token-payload.js';
import { isClaimKey } from './claim-key.js';
import { assertMaxAge } from './max-age.js';

/**
 * Whom a claim's value is fetched for.
 *
 * @publicApi
 */
export interface ClaimSubject {
  readonly userId: string;
  readonly tenantId: string;
  /** The payload as it is so far: claims that come earlier in the order have already been put into it. */
  readonly accessTokenPayload: Readonly<AccessTokenPayload>;
}

/**
 * Finds the value of a claim; `undefined` leaves the payload as it is.
 *
 * @publicApi
 */
export type FetchClaimValue<T> = (subject: ClaimSubject) => T | undefined | Promise<T | undefined>;

/**
 * What a claim is made of.
 *
 * @publicApi
 */
export interface SessionClaimOptions<T> {
  /** The claim's name in the payload: not empty, and not one of the reserved names such as `sub` or `exp`. */
  key: string;
  /** Finds the value. Left out where a subclass overrides the method of this name. */
  fetchValue?: FetchClaimValue<T>;
  /**
   * How old a value may be for the claim's validators that say nothing else. Seconds; not negative; 0 fetches for
   * every request.
   *
   * @default none: a value never grows too old
   */
  defaultMaxAgeInSeconds?: number;
}

/**
 * A fact about a user that sessions carry in their access token, as `payload[key] = { v: value, t: fetched at }` with
 * the time in milliseconds since the epoch. All methods are pure but `fetchValue` and `build`.
 *
 * A claim is an object made from options, or a provider: an `@Injectable()` class that extends one of the claims,
 * takes services by its constructor and overrides `fetchValue`.
 *
 * @see SuperTokens' `SessionClaim`
 * @publicApi
 */
export abstract class SessionClaim<T> {
  /** The claim's name in the payload. */
  readonly key: string;
  /** How old a value may be for validators that say nothing else, in seconds. */
  readonly defaultMaxAgeInSeconds: number | undefined;
  private readonly fetchByOption: FetchClaimValue<T> | undefined;

  /** @throws {TypeError} when the key is reserved, the maximum age is not a number of seconds, or nothing fetches the value */
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

  /** Whether a value found in a token, or fetched, can be this claim's; payloads are not trusted to have any shape. */
  protected abstract isValue(value: unknown): value is T;

  /** Finds the value for a user; `undefined` leaves the payload as it is. The one method for a subclass to override. */
  fetchValue(subject: ClaimSubject): T | undefined | Promise<T | undefined> {
    return this.fetchByOption?.(subject);
  }

  /** Fetches the value and gives the part of a payload that holds it: `{}` where there is no value. */
  async build(subject: ClaimSubject, nowMs: number): Promise<AccessTokenPayload> {
    const value = await this.fetchValue(subject);
    return value === undefined ? {} : this.addToPayload({}, value, nowMs);
  }

  /**
   * A copy of the payload with the value in it, fetched now.
   *
   * @throws {TypeError} when the value cannot be this claim's
   */
  addToPayload(payload: Readonly<AccessTokenPayload>, value: T, nowMs: number): AccessTokenPayload {
    if (!this.canHold(value)) {
      throw new TypeError(
        `The claim "${this.key}" cannot hold what it was given (${typeof value}): it would be read as no value.`,
      );
    }
    return { ...copyOf(payload), [this.key]: { v: value, t: nowMs } };
  }

  /** A copy of the payload without this claim. */
  removeFromPayload(payload: Readonly<AccessTokenPayload>): AccessTokenPayload {
    const entries = Object.entries(copyOf(payload));
    return Object.fromEntries(entries.filter(([name]) => name !== this.key));
  }

  /** A copy of the payload that deletes this claim when it is merged into a session: the key is `null`. */
  removeFromPayloadByMerge(payload: Readonly<AccessTokenPayload>): AccessTokenPayload {
    return { ...copyOf(payload), [this.key]: null };
  }

  /** The claim's value; `undefined` where there is none, or what stands there has not the shape of one. */
  getValueFromPayload(payload: Readonly<AccessTokenPayload>): T | undefined {
    return this.entryIn(payload)?.value;
  }

  /** When the value was fetched, in milliseconds since the epoch; `undefined` where there is no value. */
  getLastFetchedTimeMs(payload: Readonly<AccessTokenPayload>): number | undefined {
    return this.entryIn(payload)?.fetchedAtMs;
  }

  // Own properties alone: a value that an object got by a polluted prototype is nobody's claim (CWE-1321).
  private entryIn(payload: unknown): { value: T; fetchedAtMs: number } | undefined {
    try {
      const entry = ownProperty(payload, this.key);
      const value = ownProperty(entry, 'v');
      const fetchedAtMs = ownProperty(entry, 't');
      if (!this.isValue(value) || typeof fetchedAtMs !== 'number') return undefined;
      return Number.isFinite(fetchedAtMs) ? { value, fetchedAtMs } : undefined;
    } catch {
      // A getter that throws has nothing to say.
      return undefined;
    }
  }

  private canHold(value: unknown): value is T {
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
  return `A claim's key is ${given}; it must be a string that is not empty, not a name that the session writes itself (such as "sub" or "exp"), and not "__proto__", "constructor" or "prototype".`;
}
