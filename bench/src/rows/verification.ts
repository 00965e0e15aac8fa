import { Contender } from '../contender.js';
import { interleave } from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, type Line } from '../table.js';
import { withVersion } from '../versions.js';

/** Verifying a request's session in process. */
export async function measureVerification(settings: Settings): Promise<Line[]> {
  const ours = await start('ours', 'our-verify', 'warm');
  const checked = await start('ours, with checkDatabase', 'our-verify', 'checkDatabase');
  const first = await start('ours, first time', 'our-verify', 'first');
  const firstRs256 = await start('ours, first time, RS256', 'our-verify', 'first', 'RS256');
  const map = await start('by hand: a cookie, a map, a comparison', 'limit-verify', 'map');
  const jwt = `by hand: ${withVersion('jsonwebtoken')}`;
  const es256 = await start(`${jwt}, ES256`, 'limit-verify', 'jsonwebtoken', 'ES256');
  const rs256 = await start(`${jwt}, RS256`, 'limit-verify', 'jsonwebtoken', 'RS256');
  const superTokens = await start(
    `${withVersion('supertokens-node')}, its core flattered`,
    'supertokens-verify',
  );
  const auth = withVersion('better-auth');
  const betterAuth = await start(`${auth}, session in a cookie`, 'better-auth-verify', true);
  const betterAuthRow = await start(
    `${auth}, session in SQLite's memory`,
    'better-auth-verify',
    false,
  );
  const own = [ours, checked, first, firstRs256];
  const contenders = [...own, map, es256, rs256, superTokens, betterAuth, betterAuthRow];
  const rounds = await interleave(contenders, settings);
  await Promise.all(contenders.map((each) => each.stop()));
  const line = (what: string, one: Contender, against: Contender, atLeast?: number) =>
    compare({
      what,
      rounds,
      ours: one,
      against,
      by: 'cpu',
      ...(atLeast === undefined ? {} : { atLeast }),
    });
  return [
    line('verify, warm', ours, superTokens, 30),
    line('verify, warm', ours, betterAuth),
    line('verify, warm', ours, map),
    line('verify, first time, ES256', first, es256),
    line('verify, first time, ES256', first, superTokens),
    line('verify, first time, RS256', firstRs256, rs256),
    line('verify, first time, RS256', firstRs256, superTokens),
    line('verify with checkDatabase, SQLite in memory', checked, betterAuthRow),
  ];
}

async function start(name: string, program: string, ...parameters: unknown[]): Promise<Contender> {
  const contender = Contender.start(name, program);
  await contender.ask('prepare', ...parameters);
  return contender;
}
