import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parts } from './rows/parts.js';
import { readSettings } from './settings.js';
import { toMarkdown, toText, type Line } from './table.js';
import { withVersion } from './versions.js';

const settings = readSettings(process.argv.slice(2));
const machine = `${withVersion('nestjs-auth-sessions')}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? ''}`;
const results = new URL(settings.isKept ? '../results/' : '../results/last/', import.meta.url);
const all: Line[] = [];
for (const { name, measure } of parts) {
  if (settings.only.length > 0 && !settings.only.some((each) => name.startsWith(each))) continue;
  console.log(`\n${name}`);
  const startedAt = performance.now();
  const lines = await measure(settings);
  if (lines.length === 0) continue;
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(`${toText(lines)}\n\n${machine}; measured in ${minutes} minutes`);
  write(name, lines, minutes);
  all.push(...lines);
}
const missed = all.filter(({ reached }) => reached === false);
console.log(`\n${all.length} rows, ${missed.length} not reached\n${toText(missed)}`);

// Each part by itself: one that is measured alone takes the place of its own figures.
function write(part: string, lines: readonly Line[], minutes: string): void {
  mkdirSync(results, { recursive: true });
  const { rounds, forMs } = settings;
  const text = `${toMarkdown(lines)}\n\n${machine}; ${rounds} rounds of ${forMs} ms, measured in ${minutes} minutes.\n`;
  const name = part.replaceAll(' ', '-');
  writeFileSync(new URL(`${name}.md`, results), text);
  const json = { machine, rounds, forMs, lines };
  writeFileSync(new URL(`${name}.json`, results), `${JSON.stringify(json, undefined, 2)}\n`);
}
