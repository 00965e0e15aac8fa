import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * SuperTokens' browser SDK as one script that sets `window.supertokens`: the files of npm's `supertokens-website` as
 * they are, each in a function of its own, with CommonJS' `require` among them.
 */
export function sdkScript(): string {
  const entry = createRequire(import.meta.url).resolve('supertokens-website');
  const ids = new Map<string, number>();
  const modules: string[] = [];
  const collect = (path: string): number => {
    const known = ids.get(path);
    if (known !== undefined) return known;
    const id = ids.size;
    ids.set(path, id);
    const source = readFileSync(path, 'utf8');
    const { resolve } = createRequire(path);
    const requests = new Set([...source.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, it]) => it));
    const links = [...requests].map((it = '') => [it, collect(resolve(it))] as const);
    modules[id] = `[function (module, exports, require) {${source}\n}, ${JSON.stringify(
      Object.fromEntries(links),
    )}]`;
    return id;
  };
  collect(entry);
  return `window.supertokens = (() => {
  const modules = [${modules.join(',\n')}];
  const loaded = [];
  function load(id) {
    if (loaded[id] === undefined) {
      const module = (loaded[id] = { exports: {} });
      const [run, links] = modules[id];
      run(module, module.exports, (request) => load(links[request]));
    }
    return loaded[id].exports;
  }
  return load(0);
})();`;
}
