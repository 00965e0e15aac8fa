// The build is CommonJS, with one copy of the code, so that an application has one SessionService, however its files
// load it. This adds an ESM entry for each entry point. The entry re-exports its CommonJS twin, or is the code itself.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENTRY_POINTS } from './entry-points.mjs';
import { plainModule } from './plain-module.mjs';

const require = createRequire(import.meta.url);

writeFileSync(new URL('../dist/package.json', import.meta.url), '{ "type": "commonjs" }\n');
for (const { source, plain = false } of ENTRY_POINTS) {
  const built = (ending) => new URL(`../dist/${source}${ending}`, import.meta.url);
  const twin = `./${posix.basename(source)}.js`;
  const names = Object.keys(require(fileURLToPath(built('.js')))).toSorted();
  const passedOn = `export { ${names.join(', ')} } from '${twin}';\n`;
  if (plain) writePlainModules(posix.dirname(source));
  else writeFileSync(built('.mjs'), passedOn);
  writeFileSync(built('.d.mts'), `export * from '${twin}';\n`);
}

/** Each file of a folder as ESM of its own, which imports the others by their ESM names. */
function writePlainModules(folder) {
  const sources = new URL(`../lib/${folder}/`, import.meta.url);
  for (const file of readdirSync(sources)) {
    const code = plainModule(readFileSync(new URL(file, sources), 'utf8'));
    const target = new URL(`../dist/${folder}/${file.replace(/\.ts$/, '.mjs')}`, import.meta.url);
    writeFileSync(target, code.replaceAll(/(from '\.\/[\w-]+)\.js'/g, "$1.mjs'"));
  }
}
