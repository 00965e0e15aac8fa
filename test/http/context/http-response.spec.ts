import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  addToListHeader,
  areHeadersSent,
  asHttpResponse,
  headerValues,
  setHeader,
} from '../../../lib/http/context/http-response.js';

function response(headers: Record<string, string | string[]> = {}): ServerResponse {
  const made = new ServerResponse(new IncomingMessage(new Socket()));
  for (const [name, value] of Object.entries(headers)) made.setHeader(name, value);
  return made;
}

describe('a response', () => {
  it.each([undefined, null, {}, 'response', 7, { getHeader: 1 }, { getHeader() {} }])(
    'is one of Express or Fastify, or of Node itself, and not %j',
    (value) =>
      expect(() => asHttpResponse(value)).toThrow(/^expected the response of Express or Fastify/),
  );

  it('has been sent once its headers have', () => {
    expect(areHeadersSent(asHttpResponse(response()))).toBe(false);
    const sent = { getHeader() {}, removeHeader() {}, header() {} };
    expect(areHeadersSent({ ...sent, headersSent: true })).toBe(true);
    expect(areHeadersSent({ ...sent, sent: true })).toBe(true);
  });
});

describe('a header', () => {
  it('is replaced, whatever its case and whether it had several values', () => {
    const node = response({ 'Set-Cookie': ['a=1', 'b=2'] });
    setHeader(asHttpResponse(node), 'set-cookie', ['c=3']);
    expect(node.getHeader('set-cookie')).toEqual(['c=3']);
  });

  it.each([
    [undefined, []],
    ['one', ['one']],
    [
      ['one', 'two'],
      ['one', 'two'],
    ],
    [7, ['7']],
  ])('of %j has the values %j', (value, values) => {
    const given = { getHeader: () => value, removeHeader() {}, header() {} };
    expect(headerValues(given, 'x')).toEqual(values);
  });
});

describe('a header that is a list', () => {
  it.each([
    [undefined, ['front-token'], 'front-token'],
    ['x-total', ['front-token', 'anti-csrf'], 'x-total, front-token, anti-csrf'],
    ['x-total,front-token', ['front-token', 'anti-csrf'], 'x-total, front-token, anti-csrf'],
    ['Front-Token', ['front-token'], 'Front-Token'],
    [['a', 'b, c'], ['d'], 'a, b, c, d'],
    [' , a, ', ['b'], 'a, b'],
    // With credentials a star is a header's name and no wildcard (Fetch standard).
    ['*', ['front-token'], '*, front-token'],
  ])('of %j gets %j once each: %j', (before, added, after) => {
    const node = response(before === undefined ? {} : { 'access-control-expose-headers': before });
    addToListHeader(asHttpResponse(node), 'access-control-expose-headers', added);
    addToListHeader(asHttpResponse(node), 'access-control-expose-headers', added);
    expect(node.getHeader('access-control-expose-headers')).toBe(after);
  });

  it('stays as it is where Vary says everything already', () => {
    const node = response({ vary: '*' });
    addToListHeader(asHttpResponse(node), 'vary', ['Cookie']);
    expect(node.getHeader('vary')).toBe('*');
  });
});
