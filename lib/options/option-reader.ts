import { durationToMs } from '../time/duration.js';
import {
  inheritedNames,
  isOptionsObject,
  itemsOf,
  kindOf,
  MAX_ITEMS,
  only,
  printable,
} from './option-checks.js';

// More unknown names than this in one object are one mistake: the whole object is the wrong one.
const MAX_UNKNOWN = 10;
const UNREADABLE = 'cannot be read: something in it throws';

/**
 * Reads one object of options, and collects every problem instead of stopping at the first. Each option is read once,
 * so the code uses exactly the value that was checked. An error in a getter or a proxy is a problem like any other.
 */
export class OptionReader {
  private readonly read = new Map<string, unknown>();

  /**
   * @param names the object's own properties
   * @param inherited the properties of its class
   */
  private constructor(
    private readonly source: Readonly<Record<string, unknown>>,
    private readonly names: readonly string[],
    private readonly inherited: readonly string[],
    private readonly problems: string[],
    private readonly path: string,
  ) {}

  /**
   * @returns `undefined` if the value can't hold options
   * @throws if a getter or a proxy throws
   */
  static of(value: unknown, problems: string[], path = ''): OptionReader | undefined {
    if (!isOptionsObject(value)) return undefined;
    return new OptionReader(value, Object.keys(value), inheritedNames(value), problems, path);
  }

  value(name: string): unknown {
    if (!this.read.has(name)) this.read.set(name, this.readOnce(name));
    return this.read.get(name);
  }

  /** Only a missing option gets the fallback: `null` is usually a setting that could not be read. */
  valueOr(name: string, fallback: unknown): unknown {
    const value = this.value(name);
    return value === undefined ? fallback : value;
  }

  /**
   * The option as the code uses it; `undefined` if it is missing.
   *
   * @param convert returns `undefined` if the value is not allowed; it may look into the value
   */
  converted<T>(
    name: string,
    convert: (value: unknown) => T | undefined,
    allowed: string,
  ): T | undefined {
    return this.attempt(name, undefined, () => {
      const value = this.value(name);
      if (value === undefined) return undefined;
      return convert(value) ?? this.refuse(name, value, allowed, undefined);
    });
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.converted(name, only(isBoolean), 'true or false') ?? fallback;
  }

  oneOf<T extends string | boolean>(name: string, allowed: readonly T[], fallback: T): T {
    const find = (value: unknown): T | undefined => allowed.find((each) => each === value);
    const texts = `one of ${allowed.map((each) => JSON.stringify(each)).join(', ')}`;
    return this.converted(name, find, texts) ?? fallback;
  }

  string(name: string, isAllowed: (value: string) => boolean, allowed: string): string | undefined {
    return this.converted(name, only(textThat(isAllowed)), allowed);
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const isAllowed = (value: unknown): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    const allowed = `a whole number from ${min} to ${max}`;
    return this.converted(name, only(isAllowed), allowed) ?? fallback;
  }

  durationMs(name: string, minMs: number, maxMs: number, fallbackMs: number): number {
    return this.optionalDurationMs(name, minMs, maxMs) ?? fallbackMs;
  }

  optionalDurationMs(name: string, minMs: number, maxMs: number): number | undefined {
    const convert = (value: unknown): number | undefined => {
      const milliseconds = durationToMs(value) ?? Number.NaN;
      return milliseconds >= minMs && milliseconds <= maxMs ? milliseconds : undefined;
    };
    const range = `from ${minMs / 1000} to ${maxMs / 1000} seconds`;
    const allowed = `a number of seconds or a string with a unit such as '30s' or '100d', ${range}`;
    return this.converted(name, convert, allowed);
  }

  strings(
    name: string,
    isAllowed: (value: string) => boolean,
    allowed: string,
  ): readonly string[] | undefined {
    return this.list(name, textThat(isAllowed), allowed);
  }

  /** Copies an array whose every item must be allowed. */
  list<T>(
    name: string,
    isAllowed: (item: unknown) => item is T,
    allowed: string,
  ): readonly T[] | undefined {
    const text = `an array of ${allowed}, at most ${MAX_ITEMS}`;
    return this.attempt(name, undefined, () => {
      const items: readonly unknown[] | undefined = this.converted(name, itemsOf, text);
      if (items === undefined || items.every(isAllowed)) return items;
      const index = items.findIndex((item) => !isAllowed(item));
      this.problem(name, `must be ${text}; entry ${index} is none`);
      return undefined;
    });
  }

  /** Options inside an option; a missing one reads as empty. */
  nested(name: string): OptionReader {
    const path = `${this.path}${name}.`;
    return this.nestedIn(name) ?? new OptionReader({}, [], [], this.problems, path);
  }

  /**
   * The same for an option that may be something else too. `undefined` if it can't hold options, and so is refused.
   *
   * @param allowed everything that the option may be
   */
  nestedIn(name: string, allowed = 'a plain object'): OptionReader | undefined {
    const value = this.valueOr(name, {});
    const path = `${this.path}${name}.`;
    return this.attempt(
      name,
      undefined,
      () =>
        OptionReader.of(value, this.problems, path) ?? this.refuse(name, value, allowed, undefined),
    );
  }

  /** The same, but `false` switches the whole option off. */
  nestedOrFalse(name: string): OptionReader | false {
    return this.value(name) === false ? false : this.nested(name);
  }

  /** Refuses a missing option that has no default. */
  required(...names: readonly string[]): void {
    for (const name of names) {
      if (this.value(name) === undefined) this.problem(name, 'is missing and has no default');
    }
  }

  refuse<T>(name: string, value: unknown, allowed: string, fallback: T): T {
    this.problem(name, `must be ${allowed}; got ${kindOf(value)}`);
    return fallback;
  }

  problem(name: string, what: string): void {
    this.problems.push(`${this.pathOf(name)} ${what}`);
  }

  private pathOf(name: string): string {
    return `\`${this.path}${printable(name)}\``;
  }

  /** Refuses unread names: most are typos, which would otherwise silently mean the default. */
  refuseUnknown(misplaced: readonly string[] = [], place = ''): void {
    const known = [...this.read.keys()].join(', ');
    const unknown = this.names
      .filter((name) => !this.read.has(name))
      .filter((name) => this.readOnce(name) !== undefined);
    for (const name of unknown.slice(0, MAX_UNKNOWN)) {
      if (misplaced.includes(name)) this.problem(name, place);
      else this.problems.push(`Unknown option ${this.pathOf(name)}; known here: ${known}`);
    }
  }

  /** Copies everything in the object that has not been read. */
  others(): Record<string, unknown> {
    const own = this.names.filter((name) => !this.read.has(name));
    const others = Object.fromEntries(own.map((name) => [name, this.value(name)]));
    const inherited = new Set(this.inherited.filter((name) => !this.read.has(name)));
    // These act as they do on the object: read if the name is an option, and ignored if it is not.
    for (const name of inherited) {
      Object.defineProperty(others, name, { get: () => this.source[name], enumerable: false });
    }
    return others;
  }

  private readOnce(name: string): unknown {
    return this.attempt(name, undefined, () => {
      // A property that a polluted prototype gives to every object is never an option (CWE-1321).
      const isInherited = name in Object.prototype && !Object.hasOwn(this.source, name);
      return isInherited ? undefined : this.source[name];
    });
  }

  private attempt<T>(name: string, fallback: T, look: () => T): T {
    try {
      return look();
    } catch {
      this.problem(name, UNREADABLE);
      return fallback;
    }
  }
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function textThat(isAllowed: (value: string) => boolean): (value: unknown) => value is string {
  return (value): value is string => typeof value === 'string' && isAllowed(value);
}
