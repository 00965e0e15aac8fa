import { describe, expect, it } from 'vitest';
import { tokenIn } from '../../lib/live/handshakes.js';

describe('the access token that a client shows by a message', () => {
  it.each([
    ['alone', 'abc'],
    ['as a bearer token', 'Bearer abc'],
    ['by the name `token`', { token: 'abc' }],
    ['by the name `authorization`', { Authorization: 'Bearer abc' }],
    ['by the name `accessToken`, after others', { room: 1, accessToken: 'abc' }],
  ])('is read %s', (_, shown) => expect(tokenIn(shown)).toBe('abc'));

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', ['abc']],
    ['an empty text', ''],
    ['a token in another', { token: { token: 'abc' } }],
    // Its bytes count as properties, a million in a message.
    ['binary data', Object.assign(Buffer.from('abc'), { token: 'abc' })],
  ])('is not looked for in %s', (_, shown) => expect(tokenIn(shown)).toBeUndefined());
});
