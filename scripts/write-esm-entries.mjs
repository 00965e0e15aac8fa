// The build is CommonJS: one copy of the code, so that an application has one SessionService, however its files load it.
// This adds an ESM entry for each entry point. It passes on the names of its CommonJS twin.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENTRY_POINTS } from './entry-points.mjs';

const require = createRequire(import.meta.url);

writeFileSync(new URL('../dist/package.json', import.meta.url), '{ "type": "commonjs" }\n');
for (const { source } of ENTRY_POINTS) {
  const built = (ending) => new URL(`../dist/${source}${ending}`, import.meta.url);
  const twin = `./${posix.basename(source)}.js`;
  const names = Object.keys(require(fileURLToPath(built('.js')))).toSorted();
  writeFileSync(built('.mjs'), `export { ${names.join(', ')} } from '${twin}';\n`);
  writeFileSync(built('.d.mts'), `export * from '${twin}';\n`);
}
