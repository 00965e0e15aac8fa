import fc from 'fast-check';
import { In, Not, Raw } from 'typeorm';

/** Stands in every hostile value, and must stand in no message. */
export const MARKER = 'zq7marker';

/** Values that are not what a function asks for, each made anew: some can be used up. */
export const hostileValues: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  'an empty text': () => '',
  'a blank': () => ' ',
  'a number': () => 7,
  'minus zero': () => -0,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  'a bigint': () => 10n ** 30n,
  'a symbol': () => Symbol(MARKER),
  'a function': () => () => MARKER,
  'a class': () => Date,
  true: () => true,
  'the text false': () => 'false',
  'an array': () => [MARKER],
  'an array of nothing': () => [],
  'an array with holes': () => Object.assign([MARKER], { length: 3 }),
  'a sparse array': () => Object.assign([], { length: 2 ** 32 - 1 }),
  'an empty object': () => ({}),
  'an object without a prototype': () => Object.create(null) as unknown,
  'an object with __proto__': () => JSON.parse(`{"__proto__":{"role":"${MARKER}"}}`) as unknown,
  'a deep __proto__': () => JSON.parse('{"a":[{"constructor":{"prototype":{}}}]}') as unknown,
  'a boxed text': () => Object(MARKER) as unknown,
  'a text in an object': () => ({ toString: () => 'owner', valueOf: () => 'owner', length: 5 }),
  'what becomes a primitive': () => ({ [Symbol.toPrimitive]: () => 'owner' }),
  'a getter that throws': () =>
    Object.defineProperty({}, 'by', { enumerable: true, get: () => fail() }),
  'getters that all throw': () => new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail }),
  'a proxy that throws at everything': () =>
    new Proxy(
      {},
      { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail },
    ),
  'an array that throws': () => new Proxy([MARKER], { get: fail }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a thenable': () => Object.fromEntries(new Map([['then', resolveWithOwner]])),
  'a cycle': () => {
    const cycle: Record<string, unknown> = { text: MARKER };
    cycle['self'] = cycle;
    return cycle;
  },
  'something deep': () => {
    let deep: unknown = MARKER;
    for (let depth = 0; depth < 20_000; depth += 1) deep = { a: deep };
    return deep;
  },
  'something wide': () =>
    Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`k${at}`, at])),
  'a date': () => new Date(0),
  'an invalid date': () => new Date(Number.NaN),
  'a regular expression': () => /(a+)+$/,
  'a map': () => new Map([['a', MARKER]]),
  'a buffer': () => Buffer.from(MARKER),
  'an error': () => new Error(MARKER),
  'a megabyte': () => MARKER.padEnd(2 ** 20, 'x'),
  'a nul': () => `${MARKER}\u0000`,
  'a lone surrogate': () => `${MARKER}\ud800`,
  'a line break': () => `${MARKER}\r\nSet-Cookie: a=b`,
  'the name of a prototype': () => '__proto__',
  'a piece of SQL': () => `${MARKER}' OR '1'='1'; DROP TABLE auth_session; --`,
  'every pattern': () => '%_\\$1?:a',
  'In()': () => In(['owner']),
  'Not()': () => Not(MARKER),
  'Raw()': () => Raw(() => '1=1'),
};

/** The same without end. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 100, maxLength: 400 }),
);

function resolveWithOwner(resolve: (text: string) => void): void {
  resolve('owner');
}

function fail(): never {
  throw new Error(MARKER);
}
