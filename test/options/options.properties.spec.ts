import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionConfigurationError, type SessionModuleOptions } from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import type { ResolvedSessionOptions } from '../../lib/options/resolved-options.js';
import { anyValue, hostileValues, MARKER } from '../support/hostile-values.js';
import { optionPaths, optionsWith } from '../support/option-paths.js';
import { validOptions } from '../support/valid-options.js';
import { watched } from '../support/watched.js';

/** What stands in a configuration by mistake, beside what no function is asked for either. */
const hostileOptions: Readonly<Record<string, () => unknown>> = {
  ...hostileValues,
  'a number past the safe ones': () => 2 ** 53,
  'the greatest number': () => Number.MAX_VALUE,
  'a negative number': () => -1,
  'half of one': () => 0.5,
  'a duration past all': () => '999999999y',
  'a number in a text': () => '60',
  'a promise': () => Promise.resolve({ ip: true }),
  'a map of options': () => new Map([['max', 5]]),
  'a set': () => new Set([MARKER]),
  'an array that is longer than its length says': () =>
    new Proxy([MARKER], { get: (_, name) => (name === 'length' ? 2 ** 40 : MARKER) }),
  'an array without end': () =>
    Object.assign([MARKER], {
      *[Symbol.iterator]() {
        for (;;) yield MARKER;
      },
    }),
  'a megabyte of hex': () => '0123456789abcdef'.repeat(2 ** 16),
  'a megabyte of dots': () => 'a.'.repeat(2 ** 19),
  'a megabyte of path': () => '/'.padEnd(2 ** 20, 'a'),
  'a name with a line break': () => ({ 'a`\r\n- `persistent': 1 }),
  'a megabyte of name': () => ({ ['n'.repeat(2 ** 20)]: 1 }),
  'another each time': () => {
    let turn = 0;
    return Object.defineProperty({}, 'max', { enumerable: true, get: () => ['x', 5][turn++ % 2] });
  },
  'methods that throw': () => ({ add: fail, id: 'x', validate: fail, toJSON: fail }),
  'getters of a validator that throw': () => ({
    id: 'x',
    get validate() {
      return fail();
    },
  }),
  'a getter of a counter that throws': () => ({
    get add() {
      return fail();
    },
  }),
};

function fail(): never {
  throw new Error(MARKER);
}

type Outcome = ResolvedSessionOptions | SessionConfigurationError;

/** What is thrown beside the one error that may be goes on to the test. */
function outcomeOf(options: unknown, production = false): Outcome {
  try {
    return resolveSessionOptions(options as SessionModuleOptions, { production });
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error;
    throw new Error(`a raw error: ${inspect(error)}`, { cause: error });
  }
}

const textOf = (outcome: Outcome): string => {
  if (outcome instanceof SessionConfigurationError) return outcome.message;
  const { tokenTransferMethod: _, ...rest } = outcome;
  return inspect(rest, { depth: 3 });
};

/** The lines of a refusal are as long as a person reads, and each begins with the option. */
const LINE =
  /^(- (?:Unknown option )?`[\x20-\x7e]+`[ ;]|SessionModule cannot start:)[\x20-\x7e]{0,900}$/;

function problemWith(make: () => unknown, path: string): string | undefined {
  const outcome = outcomeOf(optionsWith(path, make()));
  if (!(outcome instanceof SessionConfigurationError)) return deepUnfrozen(outcome);
  const { message } = outcome;
  if (!message.includes(`\`${path}\``) && !message.includes(`\`${path}.`)) {
    return `does not name it: ${message}`;
  }
  if (inspect(outcome).includes(MARKER)) return `tells of the value: ${message}`;
  const lines = message.split('\n');
  if (lines.length > 100) return `${lines.length} lines`;
  return lines.find((line) => !LINE.test(line));
}

/** Where something of ours in the resolved options could still be changed. */
function deepUnfrozen(value: unknown, path = 'resolved'): string | undefined {
  const isOurs = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!isOurs || path.endsWith('.counter')) return undefined;
  if (!Object.isFrozen(value)) return `${path} is not frozen`;
  if (Array.isArray(value)) return undefined;
  return Object.entries(value as object)
    .map(([name, each]) => deepUnfrozen(each, `${path}.${name}`))
    .find((each) => each !== undefined);
}

const LISTS = /^(trustedOrigins|frontTokenClaims|encryptionKey|claims|globalClaimValidators)$/;

describe('the options that are tried here', () => {
  it('are all that there are', () => {
    const groups = ['', ...Object.keys(optionPaths)].filter((path) => {
      const options = path === '' ? { nosuch: 1 } : optionsWith(path, { nosuch: 1 });
      return textOf(outcomeOf(options)).includes(`\`${path}.nosuch\``) || path === '';
    });
    const known = groups.flatMap((path) => {
      const options = path === '' ? { nosuch: 1 } : optionsWith(path, { nosuch: 1 });
      const names = /nosuch`; known here: (.*)/.exec(textOf(outcomeOf(options)))?.[1];
      return (names ?? '').split(', ').map((name) => (path === '' ? name : `${path}.${name}`));
    });
    expect(Object.keys(optionPaths).toSorted()).toEqual(known.toSorted());
  });
});

describe.each(Object.keys(optionPaths))('the option %s', (path) => {
  it('takes any value, or refuses it by its name and without its value', () => {
    const problems = Object.entries(hostileOptions).flatMap(([label, make]) => {
      const found = [problemWith(make, path)];
      if (LISTS.test(path)) found.push(problemWith(() => [make()], path));
      return found.filter((each) => each !== undefined).map((each) => `${label}: ${each}`);
    });
    expect(problems).toEqual([]);
  });

  it('takes values of any kind, or refuses them so', () => {
    const property = fc.property(anyValue, (value) => {
      expect(problemWith(() => value, path)).toBeUndefined();
    });
    fc.assert(property, { numRuns: 100 });
  });

  it('comes to the same each time', () => {
    for (const make of Object.values(hostileOptions)) {
      const [first, second] = [make, make].map((each) =>
        textOf(outcomeOf(optionsWith(path, each()))),
      );
      expect(first).toBe(second);
    }
  });
});

describe('what stands in place of the options', () => {
  it('is read as options, or refused without its value, whatever it is', () => {
    const refusalOf = (value: unknown): string => {
      const outcome = outcomeOf(value);
      expect(inspect(outcome)).not.toContain(MARKER);
      return textOf(outcome);
    };
    for (const make of Object.values(hostileOptions)) refusalOf(make());
    fc.assert(fc.property(anyValue, (value) => void refusalOf(value)));
  });
});

describe('a name that is no option', () => {
  it.each(['', ...Object.keys(optionPaths)])('is refused in `%s`', (path) => {
    const base = path === '' ? {} : optionsWith(path, {});
    const accepted = !(outcomeOf(base) instanceof SessionConfigurationError);
    // What is no group refuses an object.
    if (!accepted) return;
    const property = fc.property(fc.string({ minLength: 1 }), (name) => {
      fc.pre(!(path === '' ? name in optionPaths : `${path}.${name}` in optionPaths));
      const inner = Object.fromEntries([[name, 1]]);
      const text = textOf(outcomeOf(path === '' ? inner : optionsWith(path, inner)));
      expect(text).toMatch(/Unknown option .*; known here|comes too late/s);
    });
    fc.assert(property, { numRuns: 50 });
  });
});

describe('good options', () => {
  it('are accepted, in whole milliseconds and in the order of their lives', () => {
    const property = fc.property(validOptions, fc.boolean(), (options, production) => {
      const outcome = outcomeOf(options, production);
      if (outcome instanceof SessionConfigurationError) throw outcome;
      expect(deepUnfrozen(outcome)).toBeUndefined();
      expect(notWhole(outcome)).toEqual([]);
      const { accessTokenLifetimeMs: access, nonPersistentLifetimeMs: short } = outcome;
      expect(access).toBeLessThan(short);
      expect(short).toBeLessThanOrEqual(outcome.refreshTokenLifetimeMs);
      expect(outcome.refreshGracePeriodMs).toBeLessThanOrEqual((short - access) / 4);
      expect(tooEarlyStale(outcome)).toBe(false);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('come to the same each time, and stay as they were written', () => {
    const property = fc.property(validOptions, (options) => {
      const before = inspect(options, { depth: 9 });
      const { value, changes } = watched(options);
      const first = textOf(outcomeOf(value));
      expect(changes).toEqual([]);
      expect(inspect(options, { depth: 9 })).toBe(before);
      expect(textOf(outcomeOf(options)).replaceAll('Proxy', '')).toBe(
        first.replaceAll('Proxy', ''),
      );
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('are told what they are, in whichever spelling a duration is written', () => {
    const property = fc.property(fc.integer({ min: 2, max: 86_400 }), (seconds) => {
      const spellings = [seconds, `${seconds}s`, `${seconds} seconds`, `${seconds * 1000}ms`];
      for (const spelling of spellings) {
        const outcome = outcomeOf({ databaseTimeout: 1, absoluteTimeout: spelling });
        expect(outcome).toHaveProperty('absoluteTimeoutMs', seconds * 1000);
      }
    });
    fc.assert(property);
  });
});

/** Whether news would be missed before they are asked for. */
function tooEarlyStale({ revocation }: ResolvedSessionOptions): boolean {
  if (revocation === false || revocation.maxStalenessMs === false) return false;
  return revocation.maxStalenessMs < revocation.pollIntervalMs;
}

/** The durations that are no whole number of milliseconds, 0 or more. */
function notWhole(value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (Object.getPrototypeOf(each ?? 0) === Object.prototype) {
      return notWhole(each as object, `${path}${name}.`);
    }
    if (!name.endsWith('Ms') || each === undefined || each === false) return [];
    return Number.isInteger(each) && Object.is(Math.abs(each as number), each) ? [] : [path + name];
  });
}
