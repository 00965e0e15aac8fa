import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The required rows of docs/security-requirements.md, by group and number. */
const GROUPS = {
  C: 12,
  G: 5,
  S: 5,
  V: 22,
  F: 8,
  R: 10,
  B: 6,
  T: 6,
  A: 4,
  AS: 6,
  X: 10,
  VF: 16,
  CS: 9,
  O: 1,
  H: 6,
  L: 4,
  D: 8,
  I: 7,
  M: 6,
  K: 6,
  N: 4,
  P: 4,
  U: 4,
};
// Live connections, whose tests have no such id: docs/live.md.
const LATER = new Set(['X7']);
const TITLE = /(['"`])(?<id>[A-Z]{1,2}\d{1,2}): (?<title>(?:(?!\1).)+)\1/g;

const tests = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.spec.ts'))
  .map((entry) => join(entry.parentPath, entry.name));
const titles = new Map();
for (const file of tests) {
  for (const { groups } of readFileSync(file, 'utf8').matchAll(TITLE)) {
    const known = titles.get(groups.id) ?? [];
    titles.set(groups.id, [...known, { file, title: `${groups.id}: ${groups.title}` }]);
  }
}

const rows = new Map();
for (const line of readFileSync('docs/security-requirements.md', 'utf8').split('\n')) {
  const cells = /^\| [A-Z]{1,2}\d{1,2} +\|/.test(line) ? line.split(/(?<!\\)\|/) : [];
  if (cells.length === 0) continue;
  const [id = '', , , , shown = '', state = ''] = cells.slice(1).map((cell) => cell.trim());
  rows.set(id, { shown, state });
}

const problems = [];
for (const [group, count] of Object.entries(GROUPS)) {
  for (let number = 1; number <= count; number += 1) {
    const id = `${group}${number}`;
    if (!LATER.has(id) && !rows.has(id))
      problems.push(`${id} is missing from docs/security-requirements.md`);
  }
}
for (const [id, { shown, state }] of rows) {
  if (!/^(Met|Differently, because|Partly|Not met)/.test(state)) {
    problems.push(`${id} says neither met nor not met`);
  }
  if (state.startsWith('Not met')) continue;
  const found = titles.get(id) ?? [];
  if (found.length === 0) problems.push(`${id} has no test whose title starts with "${id}: "`);
  const isShown = ({ file, title }) =>
    shown.includes(file) && shown.includes(title.slice(title.indexOf(': ') + 2));
  if (found.length > 0 && !found.some(isShown)) {
    const there = found.map(({ file, title }) => `${file}: ${title}`).join('; ');
    problems.push(`${id} names a different file or title than its tests: ${there}`);
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else
  console.log(
    `${rows.size} rows of docs/security-requirements.md have tests or are marked as not met`,
  );
