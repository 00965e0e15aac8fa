import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const REQUIRE = /\brequire\((["'])([^"']+)\1\)/g;

/**
 * Puts a CommonJS package and all its dependencies into one ECMAScript module for browsers, whose default export is the
 * package's export. npm has SuperTokens' browser SDK only as CommonJS. An application with a build step imports the
 * SDK, and needs none of this.
 *
 * @param packageName an installed package for browsers
 */
export function browserBundle(packageName: string): string {
  const files = collect(createRequire(import.meta.url).resolve(packageName));
  const modules = files.map(({ source, required }) => {
    const numbers = [...required].map(([name, path]) => [name, files.findIndex(isAt(path))]);
    return `[${JSON.stringify(Object.fromEntries(numbers))}, function (module, exports, require) {\n${source}\n}]`;
  });
  return [
    `const modules = [\n${modules.join(',\n')}\n];`,
    'const loaded = new Map();',
    'function load(number) {',
    '  if (!loaded.has(number)) {',
    '    const module = { exports: {} };',
    '    loaded.set(number, module);',
    '    const [numbers, run] = modules[number];',
    '    run.call(module.exports, module, module.exports, (name) => load(numbers[name]));',
    '  }',
    '  return loaded.get(number).exports;',
    '}',
    'export default load(0);\n',
  ].join('\n');
}

interface SourceFile {
  readonly path: string;
  readonly source: string;
  /** The required files, by the names that it uses for them. */
  readonly required: ReadonlyMap<string, string>;
}

/** A file and everything that it requires, the file itself first. */
function collect(path: string, found: SourceFile[] = []): SourceFile[] {
  if (found.some(isAt(path))) return found;
  const source = readFileSync(path, 'utf8');
  const { resolve } = createRequire(path);
  const names = [...source.matchAll(REQUIRE)].map((match) => match[2] ?? '');
  const required = new Map(names.map((name) => [name, resolve(name)]));
  found.push({ path, source, required });
  for (const next of required.values()) collect(next, found);
  return found;
}

function isAt(path: string): (file: SourceFile) => boolean {
  return (file) => file.path === path;
}
