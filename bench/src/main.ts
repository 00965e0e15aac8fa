import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parts } from './rows/parts.js';
import { readSettings } from './settings.js';
import { toMarkdown, toText, type Line } from './table.js';
import { withVersion } from './versions.js';

const settings = readSettings(process.argv.slice(2));
const startedAt = performance.now();
const lines: Line[] = [];
for (const { name, measure } of parts) {
  if (settings.only.length > 0 && !settings.only.some((each) => name.startsWith(each))) continue;
  console.log(`\n${name}`);
  const measured = await measure(settings);
  if (measured.length > 0) console.log(toText(measured));
  lines.push(...measured);
}

const machine = `${withVersion('nestjs-auth-sessions')}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? ''}`;
const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
console.log(`\n${toText(lines)}\n\n${machine}; measured in ${minutes} minutes`);
write();

function write(): void {
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  // A part alone does not take the place of the whole.
  const name = settings.only.length === 0 ? 'latest' : `only-${settings.only.join('-')}`;
  const text = `${toMarkdown(lines)}\n\n${machine}; ${settings.rounds} rounds of ${settings.forMs} ms, measured in ${minutes} minutes.\n`;
  writeFileSync(new URL(`${name}.md`, folder), text);
  const json = { machine, rounds: settings.rounds, forMs: settings.forMs, lines };
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(json, undefined, 2)}\n`);
}
