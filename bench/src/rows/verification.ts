import { Contender } from '../contender.js';
import type { Way } from '../request-inputs.js';
import { interleave, joinRounds, withSeveralProcesses, type Rounds } from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, type Line } from '../table.js';
import { withVersion } from '../versions.js';

const PROCESSES = 3;
const MANY = 16;
const WAYS: readonly Way[] = ['by request', 'by token'];
const AT_LEAST = { superTokens: 25, map: 0.45 };

/** Verifying a session in process: 256 of them in turn, their tokens in strings as new as a request's. */
export async function measureVerification(settings: Settings): Promise<Line[]> {
  return [
    ...(await measureWarm(settings)),
    ...(await measureFirst(settings)),
    ...(await measureBetterAuth(settings)),
  ];
}

async function measureWarm(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  for (const way of WAYS) {
    const runs = await withSeveralProcesses(PROCESSES, settings.rounds, (rounds) =>
      runWarm(way, { ...settings, rounds }),
    );
    const [{ ours, superTokens, map }] = runs;
    const inTurn = joinRounds(runs.map((each) => each.inTurn));
    const atOnce = joinRounds(runs.map((each) => each.atOnce));
    for (const [rounds, how] of [
      [inTurn, 'one at a time'],
      [atOnce, `${MANY} in flight`],
    ] as const) {
      const what = `verify, warm, ${way}, ${how}`;
      const besideThem = { rounds, ours, against: superTokens };
      // Their signatures are checked on another thread: many in flight take less time, and as much of the CPU's.
      lines.push(
        compare({ what, ...besideThem, by: 'time', atLeast: AT_LEAST.superTokens }),
        compare({ what: `${what}, CPU`, ...besideThem, by: 'cpu' }),
        compare({ what, rounds, ours, against: map, by: 'cpu', atLeast: AT_LEAST.map }),
      );
    }
  }
  return lines;
}

async function runWarm(way: Way, settings: Settings) {
  const ours = await start(`ours, ${way}`, 'our-verify', 'warm', way);
  const flattered = `${withVersion('supertokens-node')} ${way}, its core flattered`;
  const superTokens = await start(flattered, 'supertokens-verify', way);
  const cut = way === 'by request' ? 'a cookie, ' : '';
  const map = await start(`by hand: ${cut}a map, a comparison`, 'limit-verify', 'map', way);
  const contenders = [ours, superTokens, map];
  const inTurn = await interleave(contenders, settings);
  const atOnce = await interleave(contenders, { ...settings, atOnce: MANY });
  await Promise.all(contenders.map((each) => each.stop()));
  return { ours, superTokens, map, inTurn, atOnce };
}

/** Tokens that ours has not seen, or has forgotten. */
async function measureFirst(settings: Settings): Promise<Line[]> {
  const way: Way = 'by token';
  const jwt = `by hand: ${withVersion('jsonwebtoken')}`;
  const [es256, rs256, esByHand, rsByHand, superTokens] = await Promise.all([
    start('ours, first time', 'our-verify', 'first', way),
    start('ours, first time, RS256', 'our-verify', 'first', way, 'RS256'),
    start(`${jwt}, ES256`, 'limit-verify', 'jsonwebtoken', way, 'ES256'),
    start(`${jwt}, RS256`, 'limit-verify', 'jsonwebtoken', way, 'RS256'),
    start(
      `${withVersion('supertokens-node')} ${way}, its core flattered`,
      'supertokens-verify',
      way,
    ),
  ]);
  const contenders = [es256, rs256, esByHand, rsByHand, superTokens];
  const rounds = await interleave(contenders, settings);
  await Promise.all(contenders.map((each) => each.stop()));
  const title = `verify, first time, ${way}, one at a time`;
  return [
    line(rounds, `${title}, ES256`, es256, esByHand),
    line(rounds, `${title}, ES256`, es256, superTokens),
    line(rounds, `${title}, RS256`, rs256, rsByHand),
    line(rounds, `${title}, RS256`, rs256, superTokens),
  ];
}

async function measureBetterAuth(settings: Settings): Promise<Line[]> {
  const ours = await start('ours', 'our-verify', 'warm', 'by request');
  const checked = await start('ours, checkDatabase', 'our-verify', 'checkDatabase', 'by request');
  const auth = withVersion('better-auth');
  const inCookie = await start(`${auth}, session in a cookie`, 'better-auth-verify', true);
  const inRow = await start(`${auth}, session in SQLite's memory`, 'better-auth-verify', false);
  const contenders = [ours, checked, inCookie, inRow];
  const rounds = await interleave(contenders, settings);
  await Promise.all(contenders.map((each) => each.stop()));
  return [
    line(rounds, 'verify, warm, by request, one at a time', ours, inCookie),
    line(rounds, 'verify with checkDatabase, SQLite in memory, by request', checked, inRow),
  ];
}

function line(rounds: Rounds, what: string, ours: Contender, against: Contender): Line {
  return compare({ what, rounds, ours, against, by: 'cpu' });
}

async function start(name: string, program: string, ...parameters: unknown[]): Promise<Contender> {
  const contender = Contender.start(name, program);
  await contender.ask('prepare', ...parameters);
  return contender;
}
