import { describe, expect, it } from 'vitest';
import { findingsIn } from '../scripts/check-plain-english.mjs';

const LONG = `It has ${'many '.repeat(30)}words.`;

function kindsIn(file: string, text: string): string[] {
  return findingsIn(file, text).map(({ kind, sentence }) => `${kind}: ${sentence}`);
}

describe('the check for plain English', () => {
  it.each<[what: string, text: string, found: string]>([
    [
      'a clause for a subject',
      '// What the guard finds counts.',
      'clause first: What the guard finds counts.',
    ],
    ['a sentence that is too long', `/** ${LONG} */`, `too long: ${LONG}`],
    ['an odd turn', '/* It goes by the clock. */', 'odd turn: It goes by the clock.'],
    [
      'a sentence over two lines',
      '// Whoever asks\n// is told.',
      'clause first: Whoever asks is told.',
    ],
    [
      'a tag',
      '/**\n * Reads.\n *\n * @returns what it has read\n */',
      'clause first: what it has read',
    ],
    [
      'a comment inside of an expression',
      'f(\n  // Who comes first wins.\n  1,\n);',
      'clause first: Who comes first wins.',
    ],
  ])('finds %s in a comment', (_, text, found) => {
    expect(kindsIn('lib/a.ts', text)).toEqual([found]);
  });

  it.each<[what: string, text: string]>([
    ['a question', '// Who has the key?'],
    ['a plain sentence', '/** The guard verifies the session. */'],
    ['code that looks like a comment', 'const url = "// What is this";'],
    ['an example', '/**\n * @example\n * // What it returns counts.\n * @publicApi\n */'],
    [
      'tags that are long only together',
      `/**\n * @param a ${'one '.repeat(20)}\n * @param b ${'two '.repeat(20)}\n */`,
    ],
  ])('passes %s', (_, text) => {
    expect(kindsIn('lib/a.ts', text)).toEqual([]);
  });

  it('finds a sentence in a document, in a table and in a list', () => {
    const text =
      '# Title\n\nWhat it finds counts.\n\n| a | Whoever asks is told. |\n\n- It goes by the clock.';
    expect(kindsIn('docs/a.md', text)).toEqual([
      'clause first: What it finds counts.',
      'clause first: Whoever asks is told.',
      'odd turn: It goes by the clock.',
    ]);
  });

  it('passes the code in a document', () => {
    expect(kindsIn('docs/a.md', '```ts\n// What it finds counts.\n```')).toEqual([]);
  });
});
