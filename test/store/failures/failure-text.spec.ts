import { describe, expect, it } from 'vitest';
import { withoutValues } from '../../../lib/store/failures/failure-text.js';

describe('the text of a database in the log', () => {
  it.each([
    ["Duplicate entry 'o'malley' for key 'PRIMARY'", 'Duplicate entry …'],
    ["Table 'shop.auth_session' doesn't exist", "Table … doesn't exist"],
    ["near 'o", 'near …'],
    [
      'value too long for type character varying(255)',
      'value too long for type character varying…',
    ],
    ['Failing row contains (u1, shop).', 'Failing row contains ….'],
    ['doppelter Schlüsselwert: »u1«', 'doppelter Schlüsselwert: …'],
    ['la valeur d’une clé « u1 » existe', 'la valeur d… existe'],
    ['重複したキー 「u1」', '重複したキー …'],
    [
      'invalid byte sequence for encoding "UTF8": 0xe5 0xb1',
      'invalid byte sequence for encoding …: …',
    ],
    ['character with byte sequence 0xe5 0xb1 in it', 'character with byte sequence … in it'],
    ['two\nlines\u0000 of it', 'two lines of it'],
    ['deadlock detected', 'deadlock detected'],
    ["'u1'", ''],
    ['', ''],
  ])('%j is told as %j', (text, told) => {
    expect(withoutValues(text, [])).toBe(told);
  });

  it('has none of the values, where an engine puts no quotes around them', () => {
    const values = ['malley bob', 'u1', 7, null, '', true, 'a.b'];
    expect(withoutValues('user malley bob is u1 in u12, 7 times, not 17, a.b', values)).toBe(
      'user … is … in u12, … times, not 17, …',
    );
  });

  it('is no longer than a line', () => {
    expect(withoutValues('x'.repeat(10_000), [])).toHaveLength(300);
  });
});
