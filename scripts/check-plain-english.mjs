// Finds sentences in comments and documents that are hard to read. A machine sees only some of them, so the bounds leave
// room for findings that are right as they are. With --list, it prints the findings of all sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/** How many findings of each kind are allowed, in all sources with one of the prefixes together. */
const BOUNDS = [
  { of: ['lib/'], bounds: { 'clause first': 3, 'too long': 3, 'odd turn': 0 } },
  {
    // Many are headings, or cells such as "what it does".
    of: ['README.md', 'docs/', '.changeset/'],
    bounds: { 'clause first': 40, 'too long': 3, 'odd turn': 0 },
  },
];

const MAX_WORDS = 30;

// A relative clause in place of a subject. A question is not one.
const CLAUSE_FIRST =
  /^(?:what(?:ever)?|who(?:ever)?|whom(?:ever)?|whose|that which|(?:of|to|for|by) (?:what|which|whom))\s(?!.*\?$)/i;

const ODD_TURNS = [
  /\bneeds? (?:it|them) not\b/i,
  /\b(?:is|are) no (?:option|text|path|number|name|duration|guess|question|error|list|object)\b/i,
  /\bby (?:itself|themselves) alone\b/i,
  /\bknows? no\b/i,
  /\bof one's own making\b/i,
  /\bto whoever\b/i,
  /\b(?:hitherto|therewith|whereupon|wherewith|whosoever)\b/i,
  /\bstands? (?:at|beside|in|on) (?:the|its|an?|docs|README)\b/i,
  /\bgoes by\b/i,
  /\bnor does it\b/i,
];

/** The kinds of a sentence's findings. */
function kindsOf(sentence) {
  const kinds = [];
  if (CLAUSE_FIRST.test(sentence)) kinds.push('clause first');
  if (sentence.split(' ').length > MAX_WORDS) kinds.push('too long');
  if (ODD_TURNS.some((odd) => odd.test(sentence))) kinds.push('odd turn');
  return kinds;
}

/** The findings in a file's text, each with its kind and its sentence. */
export function findingsIn(file, text) {
  const parts = file.endsWith('.md') ? partsOfDocument(text) : partsOfComments(text);
  return parts
    .flatMap(sentencesOf)
    .flatMap((sentence) => kindsOf(sentence).map((kind) => ({ file, kind, sentence })));
}

// A part ends a sentence even without a full stop, such as a cell of a table or a tag of a doc comment.
function sentencesOf(part) {
  const text = part.replaceAll(/\s+/g, ' ').trim();
  return text.split(/(?<=[.!?:;])\s+(?=[A-Z`"'(])/).filter((each) => /[a-z]{2}/.test(each));
}

function partsOfDocument(text) {
  const prose = text.replace(/^---\n[\s\S]*?\n---\n/, '').replaceAll(/```[\s\S]*?```/g, '\n\n');
  return prose
    .split(/\n\s*\n|\n(?=\s*(?:[-#|>]|\d+\.)\s)/)
    .map((part) => part.replace(/^\s*(?:[-#>]+|\d+\.)\s+/, ''))
    .flatMap((part) => (part.startsWith('|') ? part.split('|') : [part]));
}

function partsOfComments(text) {
  return commentsOf(text).flatMap((comment) =>
    comment
      .replaceAll(/@example[\s\S]*?(?=\n@|$)/g, '')
      .replaceAll(/```[\s\S]*?```/g, '\n\n')
      .replaceAll(/\{@link ([^}]*)\}/g, '$1')
      .split(/\n\s*\n|\n(?=[-@])|(?<=[.)`\]] )(?=@[a-z])|^(?=@)/)
      .map((part) => part.replace(/^@(?:param [\w.]+|\w+)(?: \{[^}]*\})*|^- /, '')),
  );
}

// From the syntax tree, because a text or a regular expression may look like a comment.
function commentsOf(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const ranges = new Map();
  const visit = (node) => {
    for (const range of ts.getLeadingCommentRanges(text, node.pos) ?? [])
      ranges.set(range.pos, range);
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  const comments = [];
  let previous;
  for (const range of [...ranges.values()].toSorted((a, b) => a.pos - b.pos)) {
    const isLine = range.kind === ts.SyntaxKind.SingleLineCommentTrivia;
    const inner = withoutMarks(text.slice(range.pos, range.end));
    // Lines of one comment follow each other.
    const continues = previous?.isLine && isLine && !text.slice(previous.end, range.pos).trim();
    if (continues) comments.push(`${comments.pop()}\n${inner}`);
    else comments.push(inner);
    previous = { isLine, end: range.end };
  }
  return comments;
}

function withoutMarks(comment) {
  return comment
    .replaceAll(/^\/\*\*?|\*\/$|^\/\//g, '')
    .replaceAll(/^[ \t]*\*?[ \t]?/gm, '')
    .trim();
}

function filesIn(folder, ending) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(ending));
  return names.map((name) => join(folder, name).replaceAll('\\', '/'));
}

function sourceFiles() {
  return [
    ...filesIn('lib', '.ts'),
    'README.md',
    ...filesIn('docs', '.md'),
    ...filesIn('.changeset', '.md'),
  ];
}

function check(isList) {
  const findings = sourceFiles().flatMap((file) => findingsIn(file, readFileSync(file, 'utf8')));
  for (const { of, bounds } of BOUNDS) {
    const ofThese = findings.filter(({ file }) => of.some((prefix) => file.startsWith(prefix)));
    for (const [kind, bound] of Object.entries(bounds)) {
      const own = ofThese.filter((each) => each.kind === kind);
      console.log(`${of.join(', ')}: ${kind}: ${own.length}, at most ${bound}`);
      if (own.length <= bound) continue;
      process.exitCode = 1;
      if (!isList) for (const { file, sentence } of own) console.error(`${file}: ${sentence}`);
    }
  }
  if (isList) {
    for (const { file, kind, sentence } of findings) console.log(`${kind}\t${file}: ${sentence}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  check(process.argv.includes('--list'));
}
