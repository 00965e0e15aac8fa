// Writes the entry points into package.json, and its repository into the code. With --check, it only tests that they
// are there.
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { manifestFields } from './entry-points.mjs';

const path = new URL('../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(path, 'utf8'));
const fields = manifestFields();
const repository = manifest.repository.url.replace(/^git\+|\.git$/g, '');
const documentation = new URL('../lib/inspection/documentation.ts', import.meta.url);
const written = readFileSync(documentation, 'utf8');
const documented = written.replace(/'https:[^']*'/, `'${repository}/blob/main/docs'`);

if (process.argv.includes('--check')) {
  const old = Object.keys(fields).filter((key) => !isDeepStrictEqual(manifest[key], fields[key]));
  if (old.length > 0) {
    console.error(
      `package.json: ${old.join(', ')} differ from scripts/entry-points.mjs. Run: npm run exports`,
    );
    process.exitCode = 1;
  }
  if (written !== documented) {
    console.error(
      'lib/inspection/documentation.ts has a different repository. Run: npm run exports',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(documentation, documented);
  writeFileSync(path, `${JSON.stringify({ ...manifest, ...fields }, null, 2)}\n`);
}
