import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';

/** From the lowest rank to the highest: a folder imports itself and what stands above it in this list. */
const LAYERS = [
  ['time', 'errors'],
  ['tokens', 'events'],
  ['claims', 'binding'],
  ['options'],
  ['store'],
  ['verification'],
  ['keys', 'revocation'],
  ['session'],
  ['http'],
  ['live', 'inspection'],
  [
    'index.ts',
    'migrations.ts',
    'session.service.ts',
    'session.module.ts',
    'session.module-definition.ts',
    'exported-providers.ts',
    'providers-of-kind.ts',
    'session-lifecycle.ts',
    'session-providers.ts',
  ],
  ['testing', 'terminus', 'verifier', 'swagger', 'opentelemetry', 'client', 'server'],
];
const PURE =
  /^(tokens|claims|binding|time)\/|^keys\/(key-material|key-encryption|key-schedule|public-jwk|openid-configuration)\.ts$|^revocation\/(revoked-sessions|feed-(answer|cursor|log))\.ts$|^verifier\/(published-keys|read-feed-answer)\.ts$/;

/** The folders of session/, from the lowest rank to the highest. The files beside them stand above all of them. */
const SESSION_LAYERS = [
  'refuse',
  'input',
  'device',
  'mint',
  'verify',
  'edit',
  'end',
  'issue',
  'refresh',
  'bind',
  'container',
];

/** The files that put the parts together: the module and what it consists of. */
const WIRING = /^(session(\.module|\.module-definition|-providers)|exported-providers)\.ts$/;

/** What applications import, each by a name of its own in package.json. */
const ENTRY_POINT =
  /^(((testing|terminus|verifier|swagger|opentelemetry|client|server)\/)?index|migrations)\.ts$/;

const LIB = new URL('../lib/', import.meta.url);
const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, lines: readFileSync(new URL(path, LIB), 'utf8').trimEnd().split('\n') }));
const paths = files.map(({ path }) => path);

/** `from` is a path in lib/ or the name of a package. */
const imports = files.flatMap(({ path, lines }) => {
  const found = lines
    .join('\n')
    .matchAll(/^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...found].map(([statement, fixed, dynamic]) => {
    const name = fixed ?? dynamic ?? '';
    const target = posix.join(posix.dirname(path), name.replace(/\.js$/, '.ts'));
    return { path, from: name.startsWith('.') ? target : name, statement };
  });
});

/** How many lines are neither empty nor a comment: what explains the code is not held against it. */
function linesOfCode(lines: readonly string[]): number {
  return lines.filter((line) => !/^\s*($|\/\/|\/\*|\*)/.test(line)).length;
}

function rankOf(path: string): number {
  return LAYERS.findIndex((names) => names.includes(path.replace(/\/.*/, '')));
}

function importsWhere(rule: (path: string, from: string, statement: string) => boolean): string[] {
  return imports
    .filter(({ path, from, statement }) => rule(path, from, statement))
    .map(({ path, statement }) => `lib/${path}: ${statement.replaceAll(/\s+/g, ' ')}`);
}

function linesWhere(rule: (path: string, line: string) => boolean): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (rule(path, line) ? `lib/${path}:${index + 1}: ${line}` : [])),
  );
}

describe('the code in lib/', () => {
  it('lies in the folders of the layout, and is imported from there by its .js name', () => {
    expect.soft(paths.filter((path) => rankOf(path) < 0)).toEqual([]);
    const isBroken = (from: string) => from.endsWith('.ts') && !paths.includes(from);
    expect(importsWhere((_, from) => isBroken(from))).toEqual([]);
  });

  it('imports one way: from the same folder or from one of a lower rank', () => {
    const folderOf = (path: string) => LAYERS[rankOf(path)]?.find((name) => path.startsWith(name));
    const sideways = (path: string, from: string) =>
      rankOf(from) === rankOf(path) && path.includes('/') && folderOf(from) !== folderOf(path);
    expect(
      importsWhere((path, from) => rankOf(from) > rankOf(path) || sideways(path, from)),
    ).toEqual([]);
  });

  it('imports one way inside session/ too', () => {
    const rank = (path: string) => {
      const [, folder] = /^session\/([^/]+)\//.exec(path) ?? [];
      return folder === undefined ? SESSION_LAYERS.length : SESSION_LAYERS.indexOf(folder);
    };
    const inSession = paths.filter((path) => path.startsWith('session/'));
    expect.soft(inSession.filter((path) => rank(path) < 0)).toEqual([]);
    expect(
      importsWhere(
        (path, from) =>
          path.startsWith('session/') && from.startsWith('session/') && rank(from) > rank(path),
      ),
    ).toEqual([]);
  });

  it('verifies access tokens by the interfaces of verification/ alone, wherever keys and revocations come from', () => {
    const isPart = (from: string) =>
      /^(keys|revocation|store)\/|session-life\.|arrival-queue/.test(from);
    expect(
      importsWhere(
        (path, from, statement) =>
          path === 'session/verify/session-verifier.ts' &&
          isPart(from) &&
          !statement.startsWith('import type '),
      ),
    ).toEqual([]);
  });

  it('imports what Nest injects as a value: a type alone is gone when Nest looks for it', () => {
    const broken = files.flatMap(({ path, lines }) => {
      const text = lines.join('\n');
      const types = [...text.matchAll(/import type \{([^}]*)\}|import \{([^}]*)\}/g)].flatMap(
        ([, typeOnly, mixed]) =>
          typeOnly?.split(',') ??
          (mixed ?? '').split(',').filter((name) => name.trim().startsWith('type ')),
      );
      const names = new Set(types.map((name) => name.replace(/\btype\b/, '').trim()));
      const injected = [
        ...text.matchAll(
          /@Injectable\(\)\nexport class [\s\S]*?constructor\(([\s\S]*?)\n?\s*\) \{/g,
        ),
      ].flatMap(([, parameters = '']) => parameters.split(',\n'));
      return injected
        .filter((parameter) => !parameter.includes('@Inject('))
        .map((parameter) => /:\s*(\w+)\s*,?\s*$/.exec(parameter)?.[1] ?? '')
        .filter((type) => names.has(type))
        .map((type) => `lib/${path}: import type { ${type} }`);
    });
    expect(broken).toEqual([]);
  });

  it('has the entry points of the package and no other barrel, which list names and are imported by nobody', () => {
    const barrels = paths.filter((path) => /(^|\/)index\.ts$/.test(path));
    expect.soft(barrels.filter((path) => !ENTRY_POINT.test(path))).toEqual([]);
    expect.soft(linesWhere((_, line) => line.startsWith('export *'))).toEqual([]);
    expect(importsWhere((_, from) => ENTRY_POINT.test(from))).toEqual([]);
  });

  it('is exported by an entry point, if it is marked as public', () => {
    const declaration =
      /@publicApi(?:(?!\*\/)[^])*\*\/\n(?:(?:@|\/\/).*\n)*export (?:(?:abstract|async) )?(?:class|interface|type|function|const) (\w+)/g;
    const marked = files.flatMap(({ path, lines }) =>
      [...lines.join('\n').matchAll(declaration)].map(([, name = '']) => ({ path, name })),
    );
    expect.soft(marked.length).toBeGreaterThan(150);
    const entries = files.filter(({ path }) => ENTRY_POINT.test(path));
    const lists = entries.flatMap(({ lines }) => [
      ...lines.join('\n').matchAll(/^export (?:type )?\{[^}]*\}/gm),
    ]);
    // The page server's entry point passes on one file as a whole.
    const isPassedOn = (path: string) => ENTRY_POINT.test(path) || path === 'server/visitor.ts';
    const hidden = marked.filter(
      ({ path, name }) => !isPassedOn(path) && !new RegExp(`\\b${name}\\b`).test(lists.join()),
    );
    expect(hidden).toEqual([]);
  });

  it('leaves SessionService to the module, the entry point and the testing kit', () => {
    const mayUseIt = (path: string) => WIRING.test(path) || /^(index\.ts$|testing\/)/.test(path);
    expect(importsWhere((path, from) => from === 'session.service.ts' && !mayUseIt(path))).toEqual(
      [],
    );
  });

  it('knows TypeORM in store/ alone, but for types in SessionService and the module', () => {
    const isType = (path: string, statement: string) =>
      (path === 'session.service.ts' || WIRING.test(path)) && statement.startsWith('import type ');
    expect(
      importsWhere(
        (path, from, statement) =>
          /^typeorm(\/|$)/.test(from) && !path.startsWith('store/') && !isType(path, statement),
      ),
    ).toEqual([]);
  });

  it('verifies without a database: nothing below verifier/ imports TypeORM, a driver, or what stores', () => {
    const below = new Set(['verifier/index.ts']);
    const isErased = (statement: string): boolean =>
      /^(import|export) type /.test(statement) ||
      /^import \{\s*(type [^,}]+,?\s*)+\}/.test(statement);
    for (const path of below) {
      for (const each of imports) {
        if (each.path === path && !isErased(each.statement)) below.add(each.from);
      }
    }
    const stores = /^(typeorm|@nestjs\/typeorm|pg|mysql2|better-sqlite3)(\/|$)|^(store|keys)\//;
    const isPure = (path: string): boolean =>
      /^(store\/ascii-json|keys\/public-jwk)\.ts$/.test(path);
    expect([...below].filter((path) => stores.test(path) && !isPure(path))).toEqual([]);
    expect(below).toContain('http/verify/session.guard.ts');
  });

  it('knows each kind of database in store/dialect/ alone', () => {
    const driver =
      /(['"`])(?:(?:aurora-)?(?:postgres|mysql)|mariadb|cockroachdb|(?:better-)?sqlite3?|sqljs|mssql|mongodb|oracle)\1|\.includes\('(?:sqlite|mysql|postgres)'\)/;
    const code = /(['"`])(?:ER_[A-Z_]+|SQLITE_[A-Z_]+|\d{2}[0-9A-Z]{3})\1/;
    const language =
      /clock_timestamp|UTC_TIMESTAMP|SKIP LOCKED|ON CONFLICT|ON DUPLICATE|wsrep|PRAGMA|\boptions\.type\b/;
    const isCode = (line: string): boolean => !/^\s*(\*|\/\/|\/\*)/.test(line);
    const isPeculiar = (line: string): boolean =>
      driver.test(line) || code.test(line) || language.test(line);
    const isElsewhere = (path: string): boolean => !/^(store\/dialect|testing)\//.test(path);
    expect(
      linesWhere((path, line) => isElsewhere(path) && isCode(line) && isPeculiar(line)),
    ).toEqual([]);
  });

  it('registers its entities in store/, the module and the testing kit', () => {
    const mayRegister = (path: string) => WIRING.test(path) || /^(store|testing)\//.test(path);
    expect(importsWhere((path, from) => from === '@nestjs/typeorm' && !mayRegister(path))).toEqual(
      [],
    );
  });

  it('knows jsonwebtoken in tokens/jwt.ts alone', () => {
    expect(
      importsWhere((path, from) => from === 'jsonwebtoken' && path !== 'tokens/jwt.ts'),
    ).toEqual([]);
  });

  it('keeps Nest out of the rules of the protocol', () => {
    expect(importsWhere((path, from) => PURE.test(path) && from.startsWith('@nestjs/'))).toEqual(
      [],
    );
  });

  it('binds itself to no web framework, and to no GraphQL, Swagger, messages or sockets', () => {
    const platform =
      /^(express|fastify|@fastify\/.*|@nestjs\/(graphql|microservices|websockets|swagger|platform-.*))(\/|$)/;
    expect(importsWhere((_, from) => platform.test(from))).toEqual([]);
  });

  it('gives pages one file of code, and page servers files that import each other alone', () => {
    expect.soft(paths.filter((path) => path.startsWith('client/'))).toEqual(['client/index.ts']);
    expect.soft(importsWhere((path) => path.startsWith('client/'))).toEqual([]);
    const isElsewhere = (path: string, from: string) =>
      path.startsWith('server/') && !from.startsWith('server/');
    expect(importsWhere(isElsewhere)).toEqual([]);
  });

  it('asks the clock for the time, and chance only for the jitter of timers', () => {
    const asksTheMachine = /\bDate\.now\b|\bnew Date\(\)/;
    // A page server has no Clock: what it asks is an argument, and this its default.
    const isClock = /^(time\/clock\.ts$|testing\/|server\/)/;
    expect
      .soft(linesWhere((path, line) => asksTheMachine.test(line) && !isClock.test(path)))
      .toEqual([]);
    expect(
      linesWhere((path, line) => /\bMath\.random\b/.test(line) && path !== 'time/interval-task.ts'),
    ).toEqual([]);
  });

  it('stays in files of at most 200 lines of code, named after what they hold', () => {
    const long = files
      .map(({ path, lines }) => ({ path, count: linesOfCode(lines) }))
      .filter(({ count }) => count > 200);
    expect.soft(long.map(({ path, count }) => `lib/${path}: ${count} lines of code`)).toEqual([]);
    const vague = /(^|[/.-])(utils?|helpers?|common|types)(\.|\/)/;
    expect(paths.filter((path) => vague.test(path))).toEqual([]);
  });
});
