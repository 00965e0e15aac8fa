import { durationToMs } from '../time/duration.js';

/** Says what kind of value stands where another was expected, and never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function isOptionsObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !isArray(value);
}

// `Array.isArray` throws for a proxy that has been revoked.
function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Reads one object of options, and collects every problem instead of stopping at the first. */
export class OptionReader {
  private readonly read = new Set<string>();

  constructor(
    private readonly source: Readonly<Record<string, unknown>>,
    private readonly problems: string[],
    private readonly path = '',
  ) {}

  value(name: string): unknown {
    this.read.add(name);
    return this.source[name];
  }

  /** Only what is left out gets the fallback: `null` is mostly a setting that could not be read. */
  valueOr(name: string, fallback: unknown): unknown {
    const value = this.value(name);
    return value === undefined ? fallback : value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.valueOr(name, fallback);
    if (typeof value === 'boolean') return value;
    return this.refuse(name, value, 'true or false', fallback);
  }

  oneOf<T extends string | boolean>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.valueOr(name, fallback);
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    return this.refuse(
      name,
      value,
      allowed.map((each) => JSON.stringify(each)).join(', '),
      fallback,
    );
  }

  string(name: string, isAllowed: (value: string) => boolean, allowed: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || (typeof value === 'string' && isAllowed(value))) return value;
    return this.refuse(name, value, allowed, undefined);
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const value = this.valueOr(name, fallback);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    return this.refuse(name, value, `a whole number from ${min} to ${max}`, fallback);
  }

  durationMs(name: string, minMs: number, maxMs: number, fallbackMs: number): number {
    return this.optionalDurationMs(name, minMs, maxMs) ?? fallbackMs;
  }

  optionalDurationMs(name: string, minMs: number, maxMs: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const milliseconds = durationToMs(value);
    if (milliseconds !== undefined && milliseconds >= minMs && milliseconds <= maxMs) {
      return milliseconds;
    }
    const range = `from ${minMs / 1000} to ${maxMs / 1000} seconds`;
    return this.refuse(
      name,
      value,
      `a number of seconds or a string with a unit such as '30s' or '100d', ${range}`,
      undefined,
    );
  }

  strings(
    name: string,
    isAllowed: (value: string) => boolean,
    allowed: string,
  ): string[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const strings = list.filter((each) => typeof each === 'string').filter(isAllowed);
    if (Array.isArray(value) && strings.length === list.length) return strings;
    return this.refuse(name, value, `an array of ${allowed}`, undefined);
  }

  /** Options inside an option; an absent one reads as empty. */
  nested(name: string): OptionReader {
    const value = this.valueOr(name, {});
    const isObject = isOptionsObject(value);
    if (!isObject) this.refuse(name, value, 'an object', undefined);
    return new OptionReader(isObject ? value : {}, this.problems, `${this.path}${name}.`);
  }

  /** The same, where `false` switches the whole off. */
  nestedOrFalse(name: string): OptionReader | false {
    return this.value(name) === false ? false : this.nested(name);
  }

  refuse<T>(name: string, value: unknown, allowed: string, fallback: T): T {
    this.problem(name, `is ${kindOf(value)} that is not allowed; allowed: ${allowed}`);
    return fallback;
  }

  problem(name: string, what: string): void {
    this.problems.push(`\`${this.path}${name}\` ${what}`);
  }

  /** Refuses names that nothing has read: most are slips of the pen, which would otherwise silently mean the default. */
  refuseUnknown(misplaced: readonly string[] = [], place = ''): void {
    for (const name of Object.keys(this.source)) {
      if (this.read.has(name) || this.source[name] === undefined) continue;
      const known = `is no option; known here: ${[...this.read].join(', ')}`;
      this.problem(name, misplaced.includes(name) ? place : known);
    }
  }
}
