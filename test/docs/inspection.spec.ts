import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeInDocs } from '../support/doc-code.js';

const FOLDER = join(import.meta.dirname, '../artifacts/inspection');

const APP_MODULE = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SessionModule } from 'nestjs-auth-sessions';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3', database: ':memory:', autoLoadEntities: true, synchronize: process.env.SYNCHRONIZE === 'true',
    }),
    SessionModule.forRoot(),
  ],
})
export class AppModule {}
`;

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  const sources = {
    'app.module': APP_MODULE,
    configure: 'export function configure() {}',
    inspect: codeInDocs('operations.md', 'inspect.ts'),
  };
  for (const [name, code] of Object.entries(sources)) {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        experimentalDecorators: true,
      },
    });
    writeFileSync(join(FOLDER, `${name}.js`), outputText);
  }
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function inspect(environment: NodeJS.ProcessEnv): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [join(FOLDER, 'inspect.js')], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
  });
}

it('makes an exit status of what it finds, and says what that is', () => {
  expect(inspect({ SYNCHRONIZE: 'true' })).toMatchObject({ status: 0, stderr: '' });
  const { status, stderr } = inspect({});
  expect(status).toBe(1);
  expect(stderr).toMatch(/^tables: The database has no table "auth_session", .*run the migrations/);
  expect(stderr).toContain('docs/operations.md#tables-and-migrations');
});
