import type { FailureKind } from '../dialect/dialect.js';
import type { DriverFailure } from './driver-failure.js';

// The marks that database engines put around values and names, in the languages that they speak.
const QUOTE = /['"`()[\]{}«»‹›„“”‚‘’「」『』]/;
const LONGEST = 300;
// A shorter value may well be part of an innocent word.
const SHORT = 3;

/**
 * The cause of a failure, for the log: the driver's code, the server's number, the SQLSTATE, and the text without the
 * statement's values.
 */
export function failureText(failure: DriverFailure, kind: FailureKind): string {
  const { name, code, errno, sqlState } = failure;
  // With the number, because drivers may use another server's name for it.
  const all = new Set([code, errno, sqlState].map((each) => String(each ?? '')));
  const codes = [...all].filter((each) => /^\w{1,60}$/.test(each));
  const head = codes.length === 0 ? name : `${name} (${codes.join(', ')})`;
  // The text of an application's trigger can contain anything.
  const text = kind === 'raised' ? '' : withoutValues(failure.text, failure.parameters);
  return text === '' ? `${head} from the database` : `${head}: ${text}`;
}

/**
 * An engine's text, with `…` for everything from the first quote or bracket to the last. A value may contain quotes,
 * and engines do not escape them, so the text between two literals may belong to one. Bytes in hex are removed too, and
 * so is every other occurrence of the values.
 */
export function withoutValues(text: string, parameters: readonly unknown[]): string {
  const bare = withoutQuoted(onOneLine(text)).replaceAll(/\b0x[0-9a-f]+(?: 0x[0-9a-f]+)*/gi, '…');
  const rest = parameters.reduce<string>(withoutValue, bare).replaceAll(/…(?:\s*…)+/g, '…');
  return rest.trim() === '…' ? '' : rest.slice(0, LONGEST).trim();
}

function onOneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
}

function withoutQuoted(text: string): string {
  const isQuote = [...text.matchAll(new RegExp(QUOTE, 'g'))]
    .map(({ index }) => index)
    // The apostrophe of a contraction, such as "doesn't", does not count.
    .filter((index) => !/\b(?:do|does|is|ca|was)n't\b/i.test(text.slice(index - 6, index + 2)));
  const [first] = isQuote;
  const last = isQuote.at(-1);
  if (first === undefined || last === undefined) return text;
  // A single quote is one whose partner was cut off.
  return `${text.slice(0, first)}…${first === last ? '' : text.slice(last + 1)}`;
}

function withoutValue(text: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return text;
  const wanted = onOneLine(String(value));
  if (wanted === '') return text;
  if (wanted.length > SHORT) return text.replaceAll(wanted, '…');
  const word = wanted.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  return text.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])`, 'gu'), '…');
}
