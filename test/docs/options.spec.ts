import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BUILT_IN_ROUTES } from '../../lib/options/built-in-routes.js';
import { separateAsyncExtras, separateExtras } from '../../lib/options/module-extras.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { bootApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { optionPaths, optionsWith } from '../support/option-paths.js';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/options.md'), 'utf8');
const SOURCE = [
  'session-module-options',
  'cookie-options',
  'device-binding-options',
  'rate-limit-options',
  'pruning-options',
  'status-code-options',
]
  .map((name) => readFileSync(join(ROOT, `lib/options/${name}.ts`), 'utf8'))
  .join('\n');
const FACTORY = [
  'useFactory',
  'useClass',
  'useExisting',
  'imports',
  'inject',
  'provideInjectionTokensFrom',
];

/** Whose options an interface has, as their paths begin. */
const INTERFACES = {
  SessionModuleOptions: '',
  SessionCookieOptions: 'cookie.',
  SessionSigningOptions: 'signing.',
  SessionDeviceOptions: 'device.',
  SessionDeviceBindingOptions: 'deviceBinding.',
  SessionLimitOptions: 'maxSessionsPerUser.',
  SessionRateLimitOptions: 'rateLimit.',
  SessionPruningOptions: 'pruning.',
  SessionStatusCodeOptions: '',
  SessionRoutesOptions: 'routes.',
  SessionModuleExtras: '',
};

const rows = [...PAGE.matchAll(/^\| `([\w.]+)` +\| ([^|]*?) +\| ([^|]*?) +\|/gm)].map(
  ([, path = '', value = '', does = '']) => ({ path, value, does }),
);
const [ofFactory, ofOptions] = [
  rows.filter(({ path }) => isExtra(path)),
  rows.filter(({ path }) => !isExtra(path)),
];
const literals = rows.filter(({ value }) => value.startsWith('`'));

function isExtra(path: string): boolean {
  return /^(kind|isGlobal|dataSource|apiBasePath|routes(\..*)?)$/.test(path);
}

/** What a default between backticks stands for. */
function read(value: string): unknown {
  const json = value
    .replaceAll('`', '')
    .replaceAll("'", '"')
    .replaceAll(/(\d)_(\d)/g, '$1$2')
    .replaceAll(/(\w+):/g, '"$1":');
  return JSON.parse(json);
}

/** Options as the code reads them, with what functions answer in their place. */
function resolved(options: object): unknown {
  const all = resolveSessionOptions(options, { production: false });
  return { ...all, tokenTransferMethod: all.tokenTransferMethod({}, 'create') };
}

/** What the refusal of an unknown name lists. */
function knownBy(refuse: () => unknown): string[] {
  try {
    refuse();
  } catch (error) {
    return (/known here: (.*)/.exec(String(error))?.[1] ?? '').split(', ');
  }
  return [];
}

/** The defaults that the comments in the code name, by path. */
function commentedDefaults(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, prefix] of Object.entries(INTERFACES)) {
    const start = new RegExp(`export interface ${name}(?: extends \\w+)? {`);
    const body = SOURCE.split(start)[1]?.split('\n}\n')[0] ?? '';
    for (const [, text = '', option = ''] of body.matchAll(
      /\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}(\w+)\?:/g,
    )) {
      const value = /@default ([^]*)$/
        .exec(text)?.[1]
        ?.replaceAll(/\s+(\* )?/g, ' ')
        .trim();
      if (value !== undefined) found.set(prefix + option, value);
    }
  }
  return found;
}

describe('docs/options.md', () => {
  const files = new DocFiles('options.md');
  beforeAll(() => files.write());
  afterAll(() => files.remove());

  it('names every option once, and none that there is not', () => {
    expect(ofOptions.map(({ path }) => path).toSorted()).toEqual(
      Object.keys(optionPaths).toSorted(),
    );
  });

  it('names what stands beside a factory, with every route, and nothing else', () => {
    const own = knownBy(() => separateAsyncExtras({ useFactory: () => ({}), unknown: 1 }));
    const routes = knownBy(() => separateExtras({ routes: { unknown: 1 } }));
    const all = [
      ...own.filter((name) => !FACTORY.includes(name)),
      ...routes.map((name) => `routes.${name}`),
      'routes.sessionList.requireFresh',
    ];
    expect(routes.toSorted()).toEqual(Object.keys(BUILT_IN_ROUTES).toSorted());
    expect(ofFactory.map(({ path }) => path).toSorted()).toEqual(all.toSorted());
  });

  it.each(literals.filter(({ path }) => !isExtra(path)))(
    'has the default of $path right: to write $value changes nothing',
    ({ path, value }) => {
      expect(resolved(optionsWith(path, read(value)))).toEqual(
        resolved(optionsWith(path, undefined)),
      );
    },
  );

  it('has the defaults of what stands beside a factory right', () => {
    const written = Object.fromEntries(
      literals
        .filter(({ path }) => isExtra(path) && !path.includes('.'))
        .map(({ path, value }) => [path, read(value)]),
    );
    const routes = Object.fromEntries(
      literals
        .filter(({ path }) => path.startsWith('routes.'))
        .map(({ path, value }) => [path.slice('routes.'.length), read(value)]),
    );
    expect(separateExtras({ ...written, routes })).toEqual(separateExtras({}));
  });

  it('names the defaults that the code names', () => {
    const commented = commentedDefaults();
    expect(commented.size).toBeGreaterThan(50);
    const others = rows.flatMap(({ path, value }) => {
      const known = commented.get(path);
      const isSame = known === undefined || known.startsWith(value.replaceAll('`', ''));
      return isSame ? [] : [`${path}: ${value}, and in the code ${known}`];
    });
    expect(others).toEqual([]);
  });

  it('says of each what it does', () => {
    expect(rows.filter(({ does }) => does.length < 5)).toEqual([]);
  });

  it('begins with five', () => {
    const [, five = ''] = PAGE.split('## The five of day one');
    expect(five.split(/^## /m)[0]?.match(/^\| `/gm)).toHaveLength(5);
  });

  it('shows options that start a module', async () => {
    expect(files.problems()).toBe('');
    vi.stubEnv('SESSION_ENCRYPTION_KEY', 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=');
    const { sessions } = await files.load<{ sessions: DynamicModule }>('day-one.ts');
    vi.unstubAllEnvs();
    const booted = await bootApp({ sessionModule: sessions });
    await booted.client().get('/');
    await booted.close();
  });
});
