import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const LIB = readdirSync(join(ROOT, 'lib'), { recursive: true, withFileTypes: true });
const FILES = LIB.filter((each) => each.isFile()).map((each) => {
  const path = join(each.parentPath, each.name);
  return { path: path.slice(ROOT.length + 1), text: readFileSync(path, 'utf8') };
});

/** The paths that a text names: whatever stands between backticks and begins with a folder of the repository. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(/`((?:lib|test|docs|scripts|sample|bench)\/[^`\s]*)`/g)].map(
    ([, path = '']) => path,
  );
}

/** The folders that have a line with words in it. */
function rowsOf(folder: string): string[] {
  const row = new RegExp(`^\\| \`(${folder}/[\\w-]+)/\` +\\| \\S`, 'gm');
  return [...section('The folders of lib/').matchAll(row)].map(([, path = '']) => path).toSorted();
}

function foldersIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => `${folder}/${name}`)
    .toSorted();
}

/** What stands under a title. */
function section(title: string): string {
  const [, text = ''] = PAGE.split(new RegExp(`^#{2,3} ${title}$`, 'm'));
  return text.split(/^#{2,3} /m)[0] ?? '';
}

/** The files of lib/ in which each of these words stands. */
function filesWith(...words: readonly RegExp[]): string[] {
  return FILES.filter(({ text }) => words.every((word) => word.test(text))).map(({ path }) => path);
}

describe('docs/architecture.md', () => {
  it('names files and folders that are there', () => {
    const named = pathsIn(PAGE);
    expect(named.length).toBeGreaterThan(200);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('has one line for each folder of lib/, lib/session/ and lib/http/, and no other', () => {
    expect(rowsOf('lib')).toEqual(foldersIn('lib'));
    expect(rowsOf('lib/session')).toEqual(foldersIn('lib/session'));
    expect(rowsOf('lib/http')).toEqual(foldersIn('lib/http'));
  });

  it.each([
    ['A login', 'lib/http/decorators/create-session.decorator.ts'],
    ['A guarded request', 'lib/http/verify/session.guard.ts'],
    ['A refresh', 'lib/http/controllers/refresh.controller.ts'],
    ['A revocation', 'lib/http/controllers/sign-out.controller.ts'],
    ['A socket', 'lib/live/gateway-entrance.ts'],
  ])('follows "%s" from %s on', (title, first) => {
    expect(pathsIn(section(title))[0]).toBe(first);
  });

  // What the newest of its kind has touched, the next one will touch.
  it.each<[string, ...RegExp[]]>([
    ['An option', /\bfrontTokenClaims\b/],
    ['An option with a duration', /\bdatabaseTimeout/],
    ['An event', /\bclientChanged\b/],
    [
      'A claim validator',
      /\bboundSessionValidator\b|\bbound\?: boolean;|\bmustBeBound\b|\bbound (= false|=== true)\b/,
    ],
    ['A status for a claim', /\binvalidClaimStatusCode\b/],
    ['A status for a claim', /\binvalidClaims\(/],
    ['A database engine', /\bmariadb\.dialect\b|export const mariadb\b/],
    ['A column of the session list', /\bchallengeAcceptedAt(Ms)?\b/, /\bdataVersion\b/],
    ['A column of the session list', /\blastActive\b/],
    ['A reason why a session ended', /'user-forgotten'/],
    ['A cookie attribute', /\bpartitioned\b/],
    ["A change of the refresh token's format", /\b(read|mint)RefreshToken\b|isRefreshTokenLike/],
    ['A route', /\bjwksController\b|\bjwks\?|^ {2}jwks: '|'jwks'|\$\{jwks\}/m],
  ])('names in "%s" every file of lib/ that has %s', (title, ...words) => {
    const found = filesWith(...words);
    expect(found.length).toBeGreaterThan(1);
    const named = pathsIn(section(title));
    expect(found.filter((path) => !named.includes(path))).toEqual([]);
  });

  it('says of each class that Nest makes which spec shows it, unless the spec has its name', () => {
    const text = section('Which spec shows what').replace(/^[^|].*$/gm, '');
    const folders = pathsIn(text).filter((path) => path.startsWith('lib/') && path.endsWith('/'));
    const specs = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).map(
      (path) => basename(path, '.spec.ts'),
    );
    const classes = FILES.flatMap((file) =>
      [...file.text.matchAll(/^@Injectable\(\)\nexport class (\w+)/gm)].map(([, name = '']) => ({
        path: file.path,
        name,
      })),
    );
    expect(classes.length).toBeGreaterThan(50);
    const untold = classes
      .filter(({ path }) => !specs.includes(basename(path, '.ts')))
      .filter(({ path }) => !folders.some((folder) => path.startsWith(folder)))
      .filter(({ name }) => !text.includes(`\`${name}\``));
    expect(untold).toEqual([]);
  });

  it('names every file that reads a group of options', () => {
    const groups = filesWith(/export function (read|resolve)\w+\([^)]*\breader?: OptionReader/s)
      .filter((path) => path.startsWith('lib/options/'))
      .filter((path) => !path.endsWith('/option-reader.ts'));
    const named = pathsIn(section('An option'));
    expect(groups.filter((path) => !named.includes(path))).toEqual([]);
  });
});

describe('CONTRIBUTING.md', () => {
  it('names files and folders that are there', () => {
    const named = pathsIn(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8'));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
