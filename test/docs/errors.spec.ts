import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CrossSiteRequestException,
  DeviceProofMissingException,
  DeviceProofRefusedException,
  InvalidClaimsException,
  SessionInputException,
  SessionIssuerUnavailableException,
  SessionLimitException,
  SessionReplacedException,
  SessionStoreFailureException,
  SessionStoreUnavailableException,
  TokenTheftDetectedException,
  TooManyRequestsException,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  type SessionException,
} from '../../lib/index.js';
import { endOf } from '../../lib/live/end-of-session.js';
import type { LiveEndReason } from '../../lib/verification/session-ends.js';
import { END_REASONS } from '../../lib/events/end-reason.js';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/errors.md');
const SESSION = { handle: 'h', userId: 'u', tenantId: 't' };

const EXCEPTIONS: readonly SessionException[] = [
  new UnauthorizedSessionException(),
  new TryRefreshTokenException(),
  new TokenTheftDetectedException('h', 'u'),
  new InvalidClaimsException([]),
  new CrossSiteRequestException(),
  new SessionLimitException(1),
  new SessionInputException('argument', 'is wrong'),
  new TooManyRequestsException(5),
  new DeviceProofRefusedException('device-signature'),
  new DeviceProofMissingException(),
  new SessionReplacedException(),
  new SessionStoreUnavailableException(),
  new SessionIssuerUnavailableException(),
  new SessionStoreFailureException(),
];

/** The cells of the table whose first title is this, without their backticks. */
function table(firstTitle: string): string[][] {
  const [, text = ''] = PAGE.split(new RegExp(`^\\| ${firstTitle} +\\|.*\\n\\|[ -|]*\\n`, 'm'));
  const rows = /^(?:\|.*\n)*/.exec(text)?.[0].trimEnd().split('\n') ?? [];
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

/** The members of a closed set, as the code declares it. */
function union(path: string, name: string): string[] {
  const [, text = ''] = read(path).split(`export type ${name} =`);
  const declaration = text.split(/;$/m)[0] ?? '';
  return [...declaration.matchAll(/^ +\| '([^']+)'/gm)].map(([, member = '']) => member);
}

describe('docs/errors.md', () => {
  it('lists every code with its status, its message and its exception, and no other', () => {
    const listed = table('status').map(([status, code = '', message, exception]) => [
      code,
      [Number(status), code === 'SESSION_INPUT' ? 'argument is wrong' : message, exception],
    ]);
    const thrown = EXCEPTIONS.map((each) => [
      each.code,
      [
        each.getStatus(),
        (each.getResponse() as { message: string }).message,
        each.constructor.name,
      ],
    ]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(thrown));
    expect(new Set(table('status').map(([, code]) => code))).toEqual(
      new Set(union('lib/errors/error-statuses.ts', 'SessionErrorCode')),
    );
  });

  it('lists every reason of a refusal, and no other, each with codes that there are', () => {
    const codes = union('lib/errors/error-statuses.ts', 'SessionErrorCode');
    const rows = table('reason');
    expect(rows.map(([reason]) => reason)).toEqual(
      union('lib/errors/refusal-reason.ts', 'RefusalReason'),
    );
    expect(rows.flatMap(([, each = '']) => each.split(', ')).filter(isNotIn(codes))).toEqual([]);
    expect(rows.filter((row) => row.some((cell) => cell === ''))).toEqual([]);
  });

  it('lists a reason with each code that it is thrown with', () => {
    const thrown = new Map([
      [/\bunauthorized\(\s*'([\w-]+)'/g, 'UNAUTHORISED'],
      [/\btryRefresh\(\s*'([\w-]+)'/g, 'TRY_REFRESH_TOKEN'],
      [/\bUnauthorizedSessionException\(\{\s*reason: '([\w-]+)'/g, 'UNAUTHORISED'],
      [/\bDeviceProofRefusedException\(\s*'([\w-]+)'/g, 'DEVICE_PROOF_REFUSED'],
    ]);
    const sources = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => read(`lib/${path}`));
    const pairs = [...thrown].flatMap(([pattern, code]) =>
      sources.flatMap((text) =>
        [...text.matchAll(pattern)].map(([, reason = '']) => [reason, code] as const),
      ),
    );
    expect(pairs.length).toBeGreaterThan(20);
    const listed = new Map(table('reason').map(([reason, codes = '']) => [reason, codes]));
    expect(
      pairs.filter(([reason, code]) => !(listed.get(reason) ?? '').split(', ').includes(code)),
    ).toEqual([]);
  });

  it('lists every reason for which what was open ends, and no other, with its code', () => {
    const own = union('lib/verification/session-ends.ts', 'LiveEndReason') as LiveEndReason[];
    expect(table('endReason').map(([reason, code]) => [reason, code])).toEqual(
      [...END_REASONS, ...own].map((reason) => [reason, endOf(SESSION, reason, 0).error.code]),
    );
  });

  it('names every error that the package throws', () => {
    const names = readdirSync(join(ROOT, 'lib/errors')).flatMap((file) => {
      const classes = read(`lib/errors/${file}`).matchAll(/^export class (\w+)/gm);
      return [...classes].map(([, name = '']) => name);
    });
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !PAGE.includes(`\`${name}\``))).toEqual([]);
  });

  it('names the codes that sockets are closed with', () => {
    const codes = read('lib/live/close-socket.ts').match(/\b44\d\d\b/g) ?? [];
    expect(new Set(codes)).toEqual(new Set(PAGE.match(/\b44\d\d\b/g)));
  });
});

function isNotIn(known: readonly string[]): (each: string) => boolean {
  return (each) => !known.includes(each);
}
