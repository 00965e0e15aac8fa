import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyCheckout } from './checkout-copy.js';
import { run } from './commands.js';
import { isOfVersion } from './node-version.js';
import { ROOT } from './packed-package.js';

/** The development dependencies in which the copy differs from this checkout. */
const VERSIONS: Readonly<Record<string, string>> = {
  '@nestjs/common': '11',
  '@nestjs/core': '11',
  '@nestjs/microservices': '11',
  '@nestjs/platform-express': '11',
  '@nestjs/platform-fastify': '11',
  '@nestjs/platform-socket.io': '11',
  '@nestjs/platform-ws': '11',
  '@nestjs/swagger': '11',
  '@nestjs/testing': '11',
  '@nestjs/typeorm': '11',
  '@nestjs/websockets': '11',
  '@nestjs/graphql': '13',
  '@nestjs/apollo': '13',
  '@nestjs/mercurius': '13',
  typeorm: '0.3',
};

const FOLDERS = [
  'test/claims',
  'test/e2e',
  'test/http',
  'test/keys',
  'test/live',
  'test/options',
  'test/revocation',
  'test/session',
  'test/session.module.spec.ts',
  'test/store',
  'test/swagger',
  'test/terminus',
  'test/testing',
  'test/time',
  'test/tokens',
  'test/verifier',
];

describe('the sources and their tests on Nest 11 and TypeORM 0.3', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'auth-sessions-nest-11-')));
    await copyCheckout(folder);
    await changeVersions(folder);
    await run(folder, 'npm', ['install', '--ignore-scripts', '--no-audit']);
    // The same version, already compiled.
    await cp(
      join(ROOT, 'node_modules/better-sqlite3'),
      join(folder, 'node_modules/better-sqlite3'),
      { recursive: true },
    );
  }, 10 * 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has these versions', async () => {
    for (const [name, version] of Object.entries(VERSIONS)) {
      const installed = await versionIn(folder, name);
      expect(isOfVersion(installed, version), `${name} is ${installed}`).toBe(true);
    }
  });

  it('builds, and has types that hold', async () => {
    await run(folder, 'npm', ['run', 'build']);
    await expect(run(folder, 'npm', ['run', 'typecheck'])).resolves.toBeDefined();
  });

  it(
    'passes',
    async () => {
      const report = join(folder, 'report.json');
      const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
      await run(folder, 'npx', ['vitest', 'run', ...FOLDERS, ...reporters]);
      const { numPassedTests } = JSON.parse(await readFile(report, 'utf8')) as {
        numPassedTests: number;
      };
      process.stdout.write(`Nest 11 and TypeORM 0.3: ${numPassedTests} of our tests pass\n`);
      expect(numPassedTests).toBeGreaterThan(5_000);
    },
    60 * 60_000,
  );
});

async function changeVersions(folder: string): Promise<void> {
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { devDependencies: object };
  Object.assign(manifest.devDependencies, VERSIONS, {
    'better-sqlite3': await versionIn(ROOT, 'better-sqlite3'),
  });
  await writeFile(path, JSON.stringify(manifest, null, 2));
  await rm(join(folder, 'package-lock.json'));
}

async function versionIn(folder: string, name: string): Promise<string> {
  const path = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}
