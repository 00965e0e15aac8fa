import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { copyCheckout } from './checkout-copy.js';
import { run } from './commands.js';

/** Loads every entry point both ways, and says how many names they have. */
const LOAD = `
const assert = require('node:assert');
const names = Object.keys(require('${manifest.name}/package.json').exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace('.', '${manifest.name}'));
Promise.all(names.map(async (name) => {
  const required = require(name);
  const imported = await import(name);
  assert.deepStrictEqual(Object.keys(imported).filter((each) => each in required), Object.keys(required).toSorted());
  // The code of these is there in both forms, for browsers and bundlers.
  if (/\\/(client|server)$/.test(name)) return;
  for (const each of Object.keys(required)) assert.strictEqual(imported[each], required[each]);
})).then(() => console.log(names.length + ' entry points'));
`;

describe('a clone of the repository', () => {
  let folder: string;
  let clone: string;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'auth-sessions-clone-')));
    clone = join(folder, 'clone');
    await mkdir(clone);
    await copyCheckout(clone);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('gives a package that works by `npm ci && npm pack`', async () => {
    await run(clone, 'npm', ['ci', '--ignore-scripts']);
    await run(clone, 'npm', ['pack', '--pack-destination', folder]);
    await expectToLoad(join(folder, `${manifest.name}-${manifest.version}.tgz`));
  });

  it('can be installed from Git', async () => {
    const git = (...args: string[]) => run(clone, 'git', args);
    await git('init', '--quiet');
    await git('add', '--all');
    await git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '-qm', 'test');
    await expectToLoad(`git+file://${clone}`);
  });

  async function expectToLoad(source: string): Promise<void> {
    const application = join(folder, 'application');
    await mkdir(application);
    await writeFile(join(application, 'package.json'), '{ "private": true }');
    const peers = ['@nestjs/typeorm', 'typeorm'];
    await run(application, 'npm', ['install', '--no-audit', source, ...peers]);
    const loaded = await run(application, 'node', ['--input-type=commonjs', '--eval', LOAD]);
    const entryPoints = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));
    expect(loaded).toBe(`${entryPoints.length} entry points\n`);
  }
});
