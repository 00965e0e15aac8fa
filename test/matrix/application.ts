import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, configurationOfCompiler, program, toolsOfCompiler } from './build.js';
import type { Cell, CellDatabase } from './cell.js';
import { run } from './commands.js';
import { nestNew } from './nest-new.js';
import { environmentOfNode } from './node-version.js';

const TEMPLATE = join(import.meta.dirname, 'application');

/** Tools of `nest new` that no cell needs to run; those of an untouched application stay. */
const UNUSED =
  /eslint|prettier|oxlint|^globals$|source-map-support|ts-node|^tsconfig-paths$|schematics|mau|coverage/;

const DRIVERS: Readonly<Record<CellDatabase, string>> = {
  sqljs: 'sql.js@1',
  'better-sqlite3': 'better-sqlite3@12',
  postgres: 'pg@8',
  mariadb: 'mysql2@3',
};

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** The application of a cell, written into a folder. */
export class Application {
  private constructor(
    private readonly cell: Cell,
    readonly folder: string,
    readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Writes the files: those of `nest new`, then the module's use, then what the cell's facts change. */
  static async write(cell: Cell, workshop: string, folder: string): Promise<Application> {
    await nestNew(cell.cli, workshop, folder);
    const application = new Application(cell, folder, await environmentOfNode(cell.node));
    await application.writeSources();
    await application.writeManifest();
    const configuration = configurationOfCompiler(cell);
    if (configuration !== undefined) {
      await writeFile(join(folder, 'tsconfig.build.json'), JSON.stringify(configuration));
    }
    if (cell.bundle !== undefined) {
      await cp(join(TEMPLATE, 'bundlers'), join(folder, 'bundlers'), { recursive: true });
    }
    return application;
  }

  /** What its developer types: one command, and no option that overrules npm. */
  async install(tarball: string): Promise<void> {
    const { nestTypeorm, typeorm, nest, databases, installer = 'npm' } = this.cell;
    const drivers = new Set(['sqljs' as const, ...databases]);
    const packages = [
      tarball,
      `@nestjs/typeorm@${nestTypeorm}`,
      `typeorm@${typeorm}`,
      `@nestjs/terminus@${majorOf(nest)}`,
      ...[...drivers].map((driver) => DRIVERS[driver]),
    ];
    if (installer === 'npm') await this.run('npm', 'install', '--no-audit', ...packages);
    else await this.run('npx', '--yes', 'pnpm@10', 'add', ...packages);
  }

  compile(): Promise<void> {
    return compile(this.cell, (command, ...args) => this.run(command, ...args));
  }

  /** The tests that `nest new` wrote, and those of the module's use. */
  async test(): Promise<void> {
    const { nest, module } = this.cell;
    const isEsmUnderJest = module === 'commonjs' && majorOf(nest) === '12';
    const env = isEsmUnderJest
      ? { ...this.env, NODE_OPTIONS: '--experimental-vm-modules' }
      : this.env;
    await run(this.folder, 'npm', ['test', ...this.patience], env);
    await run(this.folder, 'npm', ['run', 'test:e2e', ...this.patience], env);
  }

  /** Other cells run beside: the usual five seconds are few. */
  private get patience(): string[] {
    const testTimeout = ['--', '--testTimeout=60000'];
    return this.cell.cli === '11' ? testTimeout : [...testTimeout, '--hookTimeout=60000'];
  }

  /** The path of what `node` starts. */
  get program(): string {
    return program(this.cell);
  }

  /** The version that is installed. */
  async versionOf(name: string): Promise<string> {
    const path = join(this.folder, 'node_modules', name, 'package.json');
    return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  private async run(command: string, ...args: string[]): Promise<void> {
    await run(this.folder, command, args, this.env);
  }

  private async writeSources(): Promise<void> {
    const { platform = 'express', module, databases } = this.cell;
    for (const path of await readdir(TEMPLATE, { recursive: true })) {
      const [, name, ofPlatform] = /^(.*?)(?:\.(express|fastify))?\.ts$/.exec(path) ?? [];
      if (name === undefined || (ofPlatform !== undefined && ofPlatform !== platform)) continue;
      let text = await readFile(join(TEMPLATE, path), 'utf8');
      // Neither Jest nor webpack finds a TypeScript file by the name of its JavaScript.
      if (module === 'commonjs') text = text.replaceAll(/(from '\.[^']*)\.js'/g, "$1'");
      if (databases.includes('better-sqlite3')) {
        text = text.replace("type: 'sqljs'", "type: 'better-sqlite3', database: ':memory:'");
      }
      await writeFile(join(this.folder, `${name}.ts`), text);
    }
    // It boots the application on Express.
    if (platform === 'fastify') await rm(join(this.folder, 'test/app.e2e-spec.ts'));
  }

  private async writeManifest(): Promise<void> {
    const path = join(this.folder, 'package.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
    if (this.cell.untouched !== true) this.change(manifest);
    await writeFile(path, JSON.stringify(manifest, null, 2));
  }

  private change({ dependencies, devDependencies }: Manifest): void {
    const { nest, platform = 'express' } = this.cell;
    for (const name of Object.keys(devDependencies)) {
      if (UNUSED.test(name) || name === '@nestjs/cli') delete devDependencies[name];
    }
    delete dependencies['@nestjs/platform-express'];
    for (const name of ['common', 'core', `platform-${platform}`]) {
      dependencies[`@nestjs/${name}`] = nest;
    }
    devDependencies['@nestjs/testing'] = nest;
    Object.assign(devDependencies, toolsOfCompiler(this.cell));
  }
}

function majorOf(version: string): string {
  return version.replace(/\..*/, '');
}
