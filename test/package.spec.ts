import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };

const run = promisify(execFile);
const TARBALL = `${manifest.name}-${manifest.version}.tgz`;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const ENTRY_POINTS = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));

/** What browsers and bundlers load: plain ESM, beside a CommonJS twin that shares nothing with it. */
const PLAIN = ['./client', './server'];

/** An application may be without these, whatever part of the module it uses. */
const OPTIONAL_PEERS = Object.keys(manifest.peerDependenciesMeta).filter(
  (name) => !name.endsWith('typeorm'),
);

/** What an application installs beside the package and its peers. */
const APP_DEPENDENCIES = ['@nestjs/platform-express', 'better-sqlite3', '@types/node'];

interface SourceMap {
  sources: string[];
  sourcesContent?: string[];
}

const MAIN = `
import 'reflect-metadata';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CreateSession, CurrentSession, SessionContainer, SessionModule, VerifySession } from 'nestjs-auth-sessions';

@Controller()
class AuthController {
  @Post('login')
  @CreateSession()
  login(): string {
    return 'user-1';
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): { userId: string } {
    return { userId: session.getUserId() };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'better-sqlite3', database: 'app.sqlite', autoLoadEntities: true, synchronize: true }),
    SessionModule.forRoot(),
  ],
  controllers: [AuthController],
})
class AppModule {}

process.once('disconnect', () => process.exit());
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
const server = await app.listen(0, '127.0.0.1');
process.send?.(server.address().port);
`;

const SERVICE = `
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CurrentSession, SessionVerifierModule, VerifySession, type ReadonlySession } from 'nestjs-auth-sessions/verifier';

@Controller()
class OrdersController {
  @Get()
  @VerifySession()
  orders(@CurrentSession() session: ReadonlySession): { userId: string } {
    return { userId: session.getUserId() };
  }
}

@Module({
  imports: [SessionVerifierModule.forRoot({ issuer: 'http://127.0.0.1:9/auth', revocations: false, requestTimeout: '1s' })],
  controllers: [OrdersController],
})
class ServiceModule {}

const app = await NestFactory.create(ServiceModule, { logger: false });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();
const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', version: '5', kid: 'd-0123456789abcdef' }));
const token = header.toString('base64url') + '.e30.AAAA';
const without = (await fetch(url)).status;
const withToken = (await fetch(url, { headers: { authorization: 'Bearer ' + token } })).status;
console.log(JSON.stringify({ without, withToken }));
await app.close();
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2023',
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  },
  files: ['main.ts'],
};

describe('the packed package', () => {
  let folder: string;
  let errors: string[];
  let app: ChildProcess | undefined;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'auth-sessions-package-')));
    await install(folder);
    errors = await compile(folder);
  });

  afterAll(async () => {
    app?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it('U2: holds the build, the manifest, the readme, the documents and the licence, and nothing else', async () => {
    const { stdout } = await run('tar', ['-tzf', TARBALL], { cwd: folder });
    const files = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''));
    const built = /^dist\/.*(?<!\.spec)\.(js|js\.map|d\.ts|mjs|d\.mts)$/;
    const documents = /^docs\/(README|[a-z-]+)\.(md|json)$/;
    const others = files.filter((file) => !built.test(file) && !documents.test(file));
    expect(others.toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'dist/package.json',
      'package.json',
    ]);
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/index.mjs',
        'dist/index.d.mts',
        'dist/testing/index.js',
        'dist/testing/index.d.ts',
        'docs/operations.md',
      ]),
    );
  });

  it.each(ENTRY_POINTS)(
    'loads in Node by its entry point %s, with the dependencies that it declares',
    async (entry) => {
      await expect(load(folder, entry)).resolves.toMatchObject([{ stderr: '' }, { stderr: '' }]);
    },
  );

  it('is one file that imports nothing at ./client', async () => {
    const dist = join(folder, 'node_modules', manifest.name, 'dist/client');
    const code = await readFile(join(dist, 'index.mjs'), 'utf8');
    expect(code).not.toMatch(/\b(import|require)\b|\bfrom '/);
    const twin = await readFile(join(dist, 'index.js'), 'utf8');
    expect(twin).not.toMatch(/\brequire\(/);
  });

  it('imports nothing but the files beside it at ./server, and never its CommonJS twin', async () => {
    const dist = join(folder, 'node_modules', manifest.name, 'dist/server');
    for (const [ending, naming] of [
      ['.mjs', /^(?:import|export) [^;]*? from '(.*)';|\b(?:import|require)\(/gm],
      ['.js', /\brequire\("(.*)"\)|\bimport\(/g],
    ] as const) {
      const files = (await readdir(dist)).filter((file) => file.endsWith(ending));
      for (const file of files) {
        const code = await readFile(join(dist, file), 'utf8');
        const loaded = [...code.matchAll(naming)].map(([, name]) => join(name ?? 'anything'));
        expect(files).toEqual(expect.arrayContaining(loaded));
      }
    }
  });

  it.each(ENTRY_POINTS.filter((name) => !PLAIN.includes(name)))(
    'is one copy of the code at %s, whether it is imported or required',
    async (entry) => {
      const name = entry.replace('.', manifest.name);
      const program = `
        import { createRequire } from 'node:module';
        import * as imported from '${name}';
        const required = createRequire(process.cwd() + '/main.js')('${name}');
        const names = new Set([...Object.keys(required), ...Object.keys(imported)]);
        for (const name of names) if (required[name] !== imported[name]) console.log(name);
      `;
      await expect(node(folder, '--input-type=module', '--eval', program)).resolves.toMatchObject({
        stdout: '',
      });
    },
  );

  describe(`without ${OPTIONAL_PEERS.join(', ')}`, () => {
    const asideOf = (name: string) => join(folder, `aside-${name.replace('/', '-')}`);
    const move = (from: (name: string) => string, to: (name: string) => string) =>
      Promise.all(OPTIONAL_PEERS.map((name) => rename(from(name), to(name))));
    const installed = (name: string) => join(folder, 'node_modules', name);
    beforeAll(() => move(installed, asideOf));
    afterAll(() => move(asideOf, installed));

    it.each(ENTRY_POINTS)('loads by its entry point %s too', async (entry) => {
      await expect(load(folder, entry)).resolves.toMatchObject([{ stderr: '' }, { stderr: '' }]);
    });
  });

  describe('without TypeORM and a driver', () => {
    const names = ['typeorm', '@nestjs/typeorm', 'better-sqlite3'];
    const from = (name: string): string => join(folder, 'node_modules', name);
    const to = (name: string): string => join(folder, name.replace('/', '+'));

    beforeAll(() => Promise.all(names.map((name) => rename(from(name), to(name)))));
    afterAll(() => Promise.all(names.map((name) => rename(to(name), from(name)))));

    it('verifies sessions in another service, whose compiler reads all declarations', async () => {
      await expect(load(folder, './verifier')).resolves.toMatchObject([
        { stderr: '' },
        { stderr: '' },
      ]);
      await writeFile(join(folder, 'service.ts'), SERVICE);
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const project = { ...TSCONFIG, files: ['service.ts'] };
      await writeFile(join(folder, 'tsconfig.service.json'), JSON.stringify(project));
      await node(folder, tsc, '-p', 'tsconfig.service.json');
      const { stdout } = await node(folder, 'service.js');
      expect(JSON.parse(stdout)).toEqual({ without: 401, withToken: 503 });
    });
  });

  it('requires no package that is ESM alone, but for those of Nest', async () => {
    const names = await requiredPackages(join(folder, 'node_modules', manifest.name, 'dist'));
    expect(names).toContain('jsonwebtoken');
    const old = ['--no-experimental-require-module', '--input-type=commonjs', '--eval'];
    for (const name of names.filter((each) => !each.startsWith('@nestjs/'))) {
      await expect(node(folder, ...old, `require('${name}')`)).resolves.toBeDefined();
    }
  });

  it('leads from a stack trace to its sources, which its source maps hold', async () => {
    const dist = join(folder, 'node_modules', manifest.name, 'dist');
    for (const file of await filesOf(dist, '.js.map')) {
      const map = JSON.parse(await readFile(file, 'utf8')) as SourceMap;
      expect(map).toHaveProperty('sourcesContent.length', map.sources.length);
    }
    const program = `
      const { BooleanClaim } = require('${manifest.name}');
      try { new BooleanClaim({}); } catch (error) { console.log(error.stack); }
    `;
    const { stdout } = await node(folder, '--enable-source-maps', '--eval', program);
    expect(stdout).toMatch(/at new SessionClaim \(.*\/lib\/claims\/session-claim\.ts:\d+:\d+\)/);
  });

  it('compiles in a strict application that checks declarations too', () => {
    expect(errors).toEqual([]);
  });

  it('logs a user in over HTTP, in a process of its own', async () => {
    app = fork('main.js', { cwd: folder, env: { PATH: process.env['PATH'] }, execArgv: [] });
    const url = `http://127.0.0.1:${await portOf(app)}`;

    const login = await fetch(`${url}/login`, { method: 'POST' });
    expect(login.status).toBe(201);
    expect(await login.text()).toBe('user-1');
    const cookies = login.headers.getSetCookie();
    expect(cookies).toContainEqual(expect.stringMatching(/^__Host-sAccessToken=\S/));

    expect((await fetch(`${url}/me`)).status).toBe(401);
    const cookie = cookies.map((line) => line.split(';', 1)[0]).join('; ');
    const me = await fetch(`${url}/me`, { headers: { cookie } });
    expect(await me.json()).toEqual({ userId: 'user-1' });
  });
});

describe('package-lock.json', () => {
  it('names no registry, so that npm installs from the one that is configured', async () => {
    expect(await readFile(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });
});

/** Packs the build and unpacks it into an application; what it may depend on comes from this repository. */
async function install(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  const target = join(modules, manifest.name);
  await mkdir(target, { recursive: true });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT });
  await run('tar', ['-xzf', TARBALL, '-C', target, '--strip-components=1'], { cwd: folder });
  const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  for (const name of [...names, ...APP_DEPENDENCIES]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name), 'junction');
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  await writeFile(join(folder, 'main.ts'), MAIN);
}

/** The errors in the application and in the package's declarations; those of other packages are theirs. */
async function compile(folder: string): Promise<string[]> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const output = await node(folder, tsc, '--pretty', 'false').catch(
    (error: { stdout: string }) => error,
  );
  const errors = output.stdout.split(/\n(?=\S)/).filter((error) => error.trim() !== '');
  return errors.filter((error) => !error.startsWith('..'));
}

/** Loads an entry point in two processes, by `import` and by `require`. */
function load(folder: string, entry: string): Promise<{ stderr: string }[]> {
  const name = entry.replace('.', manifest.name);
  return Promise.all([
    node(folder, '--input-type=module', '--eval', `await import('${name}')`),
    node(folder, '--input-type=commonjs', '--eval', `require('${name}')`),
  ]);
}

/** The packages whose names stand in a `require` of the build. */
async function requiredPackages(dist: string): Promise<string[]> {
  const texts = await Promise.all(
    (await filesOf(dist, '.js')).map((file) => readFile(file, 'utf8')),
  );
  const names = texts.flatMap((text) =>
    [...text.matchAll(/\brequire\("([^."][^"]*)"\)/g)].map(([, name = '']) => name),
  );
  return [...new Set(names)].filter((name) => !isBuiltin(name)).toSorted();
}

async function filesOf(folder: string, ending: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true });
  return paths.filter((path) => path.endsWith(ending)).map((path) => join(folder, path));
}

function node(cwd: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, args, { cwd, env: { PATH: process.env['PATH'] } });
}

async function portOf(app: ChildProcess): Promise<number> {
  const exit = once(app, 'exit').then(([code]) =>
    Promise.reject(new Error(`The application ended with code ${code}.`)),
  );
  const [port] = await Promise.race([once(app, 'message'), exit]);
  return port;
}
