import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  challengeHeader,
  readHeaderText,
  registrationHeader,
} from '../../lib/binding/header-text.js';
import { sessionInstructions } from '../../lib/binding/session-instructions.js';
import { readUniqueObject } from '../../lib/binding/unique-names.js';

describe('a header of the browser', () => {
  it.each([
    ['sid1', 'sid1'],
    ['"sid1"', 'sid1'],
    ['""', ''],
    ['"', undefined],
    ['"sid1', undefined],
    ['""sid1""', undefined],
    ['"sid\\"1"', undefined],
    ['sid1;a=b', undefined],
    ['sid1, sid2', undefined],
  ])('%s is read as %s', (value, text) => {
    expect(readHeaderText(value)).toBe(text);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (value) => readHeaderText(value) !== null));
  });
});

describe('a header for the browser', () => {
  it('offers one algorithm, a path and a challenge', () => {
    expect(registrationHeader({ path: '/auth/session/bind', challenge: 'c-1' })).toBe(
      '(ES256);path="/auth/session/bind";challenge="c-1"',
    );
  });

  it('names the session that a challenge is for', () => {
    expect(challengeHeader('c-1', 'sid1')).toBe('"c-1";id="sid1"');
  });

  it('escapes what a String escapes, and takes nothing that it can not hold', () => {
    expect(challengeHeader('a"b\\c', 'sid1')).toBe('"a\\"b\\\\c";id="sid1"');
    expect(() => challengeHeader('a\r\nb', 'sid1')).toThrow(TypeError);
    expect(() => registrationHeader({ path: '/é', challenge: 'c' })).toThrow(TypeError);
  });
});

describe('the instructions', () => {
  it('bind one cookie of one origin, and name neither the origin nor the route', () => {
    const cookie = { name: '__Host-sAccessToken', attributes: 'Path=/; Secure; HttpOnly' };
    expect(sessionInstructions('sid1', cookie, [])).toEqual({
      session_identifier: 'sid1',
      scope: { include_site: false, scope_specification: [] },
      credentials: [{ type: 'cookie', ...cookie }],
      allowed_refresh_initiators: [],
    });
  });

  it('let pages of trusted origins start a refresh, by their hosts', () => {
    const origins = [
      'https://app.example.com',
      'https://app.example.com:8443',
      'http://localhost:3000',
      'capacitor://localhost',
      'https://[::1]:8443',
    ];
    const cookie = { name: 'a', attributes: '' };
    expect(sessionInstructions('sid1', cookie, origins).allowed_refresh_initiators).toEqual([
      'app.example.com',
      'localhost',
    ]);
  });
});

describe('a JSON object', () => {
  it('is read where each name stands once', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(value, (object) => {
        const text = JSON.stringify(object);
        expect(JSON.stringify(readUniqueObject(text))).toBe(text);
      }),
    );
  });

  it.each([
    '{"a":1,"a":2}',
    '{"b":{"a":1,"a":1}}',
    '[{"a":1,"a":2}]',
    '{"a":1,"\\u0061":2}',
    '{',
    '1',
    'null',
    '[]',
  ])('is none in %s', (text) => {
    expect(readUniqueObject(text)).toBeUndefined();
  });

  it('may have one name in several objects, and names that look like JSON', () => {
    expect(readUniqueObject('{"a":{"a":1},"b":[{"a":1},{"a":2}],"{\\"a\\":":":"}')).toBeDefined();
  });
});
