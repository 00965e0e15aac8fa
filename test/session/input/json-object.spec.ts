import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SessionInputException } from '../../../lib/errors/session-input.exception.js';
import { toJsonObject } from '../../../lib/session/input/json-object.js';

const SECRET = 'hunter2';

/** What the caller is told of a value; `accepted` where there is nothing to tell. */
function refusalOf(value: unknown): string {
  try {
    toJsonObject('payload', value);
  } catch (error) {
    if (error instanceof SessionInputException) return error.message;
    throw error;
  }
  return 'accepted';
}

function nested(depth: number): object {
  return depth === 1 ? {} : { a: nested(depth - 1) };
}

describe('a JSON object', () => {
  it('is copied as JSON would copy it', () => {
    const value = {
      text: 'łukasz 馬 👩‍🚀 \u0000 \ud800',
      numbers: [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER],
      yes: true,
      nothing: null,
      left: undefined,
      list: [{ a: [] }, [], {}, [[1]]],
      sparse: [1, undefined, 3],
    };
    expect(toJsonObject('payload', value)).toStrictEqual(JSON.parse(JSON.stringify(value)));
  });

  it('is a copy all the way down: later changes of the original do not reach it', () => {
    const original = { roles: ['user'], inner: { a: 1 } };
    const copy = toJsonObject('payload', original);
    original.roles.push('admin');
    original.inner.a = 2;
    expect(copy).toEqual({ roles: ['user'], inner: { a: 1 } });
  });

  it('may have no prototype, and gets the usual one', () => {
    const bare: unknown = Object.assign(Object.create(null), { a: 1 });
    expect(toJsonObject('payload', bare)).toStrictEqual({ a: 1 });
  });

  it('may be of another realm, as under Jest, and classes of that realm are refused as here', () => {
    const plain: unknown = runInNewContext('({ a: { b: [{ c: 1 }] }, n: Object.create(null) })');
    expect(toJsonObject('payload', plain)).toStrictEqual({ a: { b: [{ c: 1 }] }, n: {} });
    expect(toJsonObject('payload', { inner: plain })).toStrictEqual({
      inner: { a: { b: [{ c: 1 }] }, n: {} },
    });
    const others = ['new Date(0)', 'new Map()', 'new (class {})()', '/x/', 'new Uint8Array(3)'];
    for (const text of others) {
      const value: unknown = runInNewContext(text);
      expect(refusalOf({ value })).toContain('value is an instance of a class');
      expect(refusalOf(value)).toContain('must be a plain object');
    }
    const own: unknown = Object.create(Object.create(null) as object);
    expect(refusalOf(own)).toContain('must be a plain object');
  });

  it('may use the names of methods', () => {
    const names = {
      toString: 'a',
      hasOwnProperty: 'b',
      toJSON: 'c',
      length: 5,
      valueOf: 1,
    };
    expect(toJsonObject('payload', names)).toStrictEqual(names);
  });

  it('loses what JSON leaves out: symbols and what is not enumerable', () => {
    const value = Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', { value: 3 });
    expect(toJsonObject('payload', value)).toStrictEqual({ a: 1 });
  });

  it('may have 16 levels, 256 keys and 4096 values in arrays', () => {
    const keys = Object.fromEntries(
      Array.from({ length: 256 }, (_, index) => [`k${index}`, index]),
    );
    expect(refusalOf(nested(16))).toBe('accepted');
    expect(refusalOf(nested(17))).toBe('payload is nested deeper than 16 levels');
    expect(refusalOf(keys)).toBe('accepted');
    expect(refusalOf({ ...keys, more: 1 })).toBe('payload has more than 256 keys');
    expect(refusalOf({ list: Array(4096).fill(0) })).toBe('accepted');
    expect(refusalOf({ list: Array(300).fill(0), more: 1 })).toBe('accepted');
    expect(refusalOf({ list: Array(4097).fill(0) })).toBe('payload has more than 4096 values');
  });
});

describe('what is no JSON object', () => {
  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a text', SECRET],
    ['a number', 7],
    ['a boolean', true],
    ['a symbol', Symbol(SECRET)],
    ['a bigint', 1n],
    ['a function', () => SECRET],
    ['an array', [SECRET]],
    ['a date', new Date(0)],
    ['a map', new Map([['a', SECRET]])],
    ['bytes', Buffer.from(SECRET)],
    ['an error', new Error(SECRET)],
    ['a promise', Promise.resolve({ a: SECRET })],
    [
      'an object of a class',
      new (class User {
        name = SECRET;
      })(),
    ],
    ['an object under another object', Object.create({ a: SECRET })],
  ])('is refused: %s', (_, value) => {
    expect(refusalOf(value)).toBe('payload must be a plain object');
  });

  it.each([
    ['a bigint', { n: 1n }, 'n is a bigint'],
    ['a function', { f: () => SECRET }, 'f is a function'],
    ['a symbol', { s: Symbol(SECRET) }, 's is a symbol'],
    ['a date', { d: new Date(0) }, 'd is an instance of a class'],
    ['a map', { m: new Map() }, 'm is an instance of a class'],
    ['a regular expression', { r: /hunter2/ }, 'r is an instance of a class'],
    ['a boxed text', { b: Object(SECRET) }, 'b is an instance of a class'],
    ['bytes', { b: new Uint8Array(3) }, 'b is an instance of a class'],
    ['not a number', { n: Number.NaN }, 'n is not a finite number'],
    ['endless', { n: Number.POSITIVE_INFINITY }, 'n is not a finite number'],
    ['a function deep inside', { a: { list: [{ f: () => SECRET }] } }, 'a.list[].f is a function'],
    ['a method that JSON would call', { a: 1, toJSON: () => SECRET }, 'toJSON is a function'],
  ])('is refused for %s in it, by its place and never by its value', (_, value, problem) => {
    expect(refusalOf(value)).toBe(`payload must hold JSON only; ${problem}`);
  });

  it('is refused for a cycle', () => {
    const cycle: Record<string, unknown> = { a: 1 };
    cycle['self'] = cycle;
    const list: unknown[] = [];
    list.push(list);
    expect(refusalOf(cycle)).toBe('payload is nested deeper than 16 levels');
    expect(refusalOf({ list })).toBe('payload is nested deeper than 16 levels');
  });

  it.each([
    '{"__proto__":{"role":"admin"}}',
    '{"a":{"__proto__":1}}',
    '{"a":[{"constructor":{"x":1}}]}',
    '{"prototype":1}',
  ])('is refused for a key that leads to a prototype: %s', (json) => {
    expect(refusalOf(JSON.parse(json))).toMatch(
      /^payload has a forbidden key: (__proto__|constructor|prototype)$/,
    );
    expect({}).not.toHaveProperty('role');
  });
});

describe('an object that is out to break its reader', () => {
  const fail = (): never => {
    throw new RangeError(`at the database of ${SECRET}`);
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const revokedList = Proxy.revocable([], {});
  revokedList.revoke();

  it.each([
    [
      'a getter that throws',
      {
        get a() {
          return fail();
        },
      },
    ],
    [
      'a getter that throws, deep inside',
      {
        a: [
          {
            get b() {
              return fail();
            },
          },
        ],
      },
    ],
    ['a proxy that throws when its keys are read', new Proxy({}, { ownKeys: fail })],
    ['a proxy that throws when its prototype is read', new Proxy({}, { getPrototypeOf: fail })],
    ['a proxy that throws when a value is read', new Proxy({ a: 1 }, { get: fail })],
    [
      'a proxy that throws when a property is described',
      new Proxy({ a: 1 }, { getOwnPropertyDescriptor: fail }),
    ],
    ['a proxy that was revoked', revoked.proxy],
    ['a proxy that was revoked, inside', { a: revoked.proxy }],
    ['a list that was revoked, inside', { a: revokedList.proxy }],
    ['a list whose length throws', { a: new Proxy([], { get: fail }) }],
    [
      'something thrown that is no error',
      {
        get a() {
          throw SECRET as unknown as Error;
        },
      },
    ],
  ])('is refused as one, and what it throws stays inside: %s', (_, value) => {
    expect(refusalOf(value)).toBe('payload cannot be read: something in it throws');
  });

  it.each([
    [
      'a list without an end',
      Object.assign([1], {
        *[Symbol.iterator]() {
          for (;;) yield 1;
        },
      }),
    ],
    [
      'a list that lies about its length',
      new Proxy([1], {
        get: (list, name) => (name === 'length' ? Number.NaN : Reflect.get(list, name)),
      }),
    ],
    [
      'a list with a length that is none',
      new Proxy([1], {
        get: (list, name) => (name === 'length' ? 'many' : Reflect.get(list, name)),
      }),
    ],
    ['a list of four thousand million holes', Array(2 ** 32 - 1)],
  ])('does not keep its reader busy: %s', (_, list) => {
    expect(['accepted', 'payload has more than 4096 values']).toContain(refusalOf({ list }));
  });

  it('is read no more than once per value', () => {
    const seen: string[] = [];
    const value = new Proxy(
      { a: 1, b: 2 },
      { get: (target, name) => (seen.push(String(name)), Reflect.get(target, name)) },
    );
    expect(toJsonObject('payload', value)).toEqual({ a: 1, b: 2 });
    expect(seen).toEqual(['a', 'b']);
  });
});
