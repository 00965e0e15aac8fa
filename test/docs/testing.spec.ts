import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { DocFiles } from '../support/doc-files.js';

const ROOT = join(import.meta.dirname, '../..');
const files = new DocFiles('testing.md');
const FILES = [
  'shop.module.ts',
  'shop.test.ts',
  'account.controller.ts',
  'account.controller.test.ts',
  'profile.controller.ts',
  'profile.controller.test.ts',
  'shop.controller.test.ts',
];

files.write();
afterAll(() => files.remove());

// The tests that readers copy, as tests of this suite.
await files.load('shop.test.ts');
await files.load('account.controller.test.ts');
await files.load('profile.controller.test.ts');
await files.load('shop.controller.test.ts');

describe('what docs/testing.md shows', () => {
  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual(FILES);
    expect(files.problems()).toBe('');
  });

  it('runs under node:test with the built package', { timeout: 120_000 }, async () => {
    const folder = join(ROOT, 'test/artifacts/node-test');
    mkdirSync(folder, { recursive: true });
    for (const name of FILES) {
      const code = files.text(name).replace("from 'vitest'", "from 'node:test'");
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2022,
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
        },
      });
      writeFileSync(
        join(folder, name.replace(/ts$/, 'mjs')),
        outputText.replace(/\.js';/g, ".mjs';"),
      );
    }
    const tests = FILES.filter((name) => name.includes('.test.')).map((name) =>
      join(folder, name.replace(/ts$/, 'mjs')),
    );
    const options = { cwd: ROOT, env: { ...process.env, NODE_ENV: 'test', NODE_OPTIONS: '' } };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'reflect-metadata', '--test', '--test-reporter', 'tap', ...tests],
      options,
    );
    rmSync(folder, { recursive: true });
    expect(stdout).toMatch(/^# pass 16$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
  });

  it('is what Jest runs in an application on Nest 11', () => {
    const path = join(ROOT, 'test/matrix/application/test/shop.e2e-spec.ts');
    const application = readFileSync(path, 'utf8');
    const inDocs = files
      .text('shop.test.ts')
      .replace(/^\/\/ With node:test.*\n.*from 'vitest';\n/m, '')
      .replace(
        "import { rolesOfUsers, ShopModule } from './shop.module.js';",
        "import { adapter } from '../src/adapter.js';\nimport { rolesOfUsers, ShopModule } from '../src/shop.module.js';",
      )
      .replace('createNestApplication()', 'createNestApplication(adapter())');
    expect(application).toBe(inDocs);
  });
});
