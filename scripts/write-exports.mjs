// Writes the entry points into package.json; with --check, says whether they stand there.
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { manifestFields } from './entry-points.mjs';

const path = new URL('../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(path, 'utf8'));
const fields = manifestFields();

if (process.argv.includes('--check')) {
  const old = Object.keys(fields).filter((key) => !isDeepStrictEqual(manifest[key], fields[key]));
  if (old.length > 0) {
    console.error(
      `package.json: ${old.join(', ')} differ from scripts/entry-points.mjs. Run: npm run exports`,
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, `${JSON.stringify({ ...manifest, ...fields }, null, 2)}\n`);
}
