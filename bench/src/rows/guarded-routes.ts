import { Contender } from '../contender.js';
import type { RequestLine } from '../load.js';
import { loadAndCount } from '../load-and-count.js';
import type { Guard, Platform } from '../programs/application.js';
import {
  interleave,
  joinRounds,
  startByTurns,
  withSeveralProcesses,
  type Rounds,
} from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, type Line } from '../table.js';
import { withVersion } from '../versions.js';

const AT_LEAST: Readonly<Record<Platform, number>> = { fastify: 5, express: 2.5 };

const BY_HAND = 'a minimal guard by hand, TypeORM beside it';
const CLOSE_AT_LEAST = 0.98;
const PROCESSES = 3;
// The guards of these two differ by some µs in a request of 40 on Fastify and of 250 on Express: a compiler that is still at
// work would count for more than that.
const CLOSE = { processes: 8, rounds: 2, warmUpMs: 3_000, laterWarmUpMs: 1_000 };

type Servers = Map<Contender, Omit<RequestLine, 'path'>>;

/** A route of Nest's behind each guard: the CPU time that the server spends on a request, over real sockets. */
export async function measureGuardedRoutes(settings: Settings): Promise<Line[]> {
  return [...(await measureOn('fastify', settings)), ...(await measureOn('express', settings))];
}

async function measureOn(platform: Platform, settings: Settings): Promise<Line[]> {
  const closeRounds = settings.rounds * CLOSE.rounds;
  const close = await withSeveralProcesses(CLOSE.processes, closeRounds, (rounds, isReversed) =>
    measureClose(platform, { ...settings, rounds, warmUpMs: CLOSE.warmUpMs }, isReversed),
  );
  const apart = await withSeveralProcesses(PROCESSES, settings.rounds, (rounds) =>
    measureAll(platform, { ...settings, rounds }),
  );
  const [{ ours, verified, bare, byHand, superTokens, jwt }] = apart;
  const onOk = joinRounds(apart.map((each) => each.onOk));
  const onMe = joinRounds(apart.map((each) => each.onMe));
  const onAdmin = joinRounds(apart.map((each) => each.onAdmin));
  const line = (
    what: string,
    rounds: Rounds,
    [one, against]: readonly [Contender, Contender],
    atLeast?: number,
  ) =>
    compare({
      what: `${what} on ${platform}`,
      rounds,
      ours: one,
      against,
      by: 'cpu',
      ...(atLeast === undefined ? {} : { atLeast }),
    });
  const closePair = [close[0].ours, close[0].byHand] as const;
  const closeOnOk = joinRounds(close.map((each) => each.onOk));
  const closeOnAdmin = joinRounds(close.map((each) => each.onAdmin));
  return [
    line('guarded route', closeOnOk, closePair, CLOSE_AT_LEAST),
    line('guarded route that asks for a role', closeOnAdmin, closePair, CLOSE_AT_LEAST),
    line('guarded route', onOk, [ours, bare]),
    line('guarded route', onOk, [ours, superTokens], AT_LEAST[platform]),
    line('guarded route', onOk, [ours, jwt]),
    line('guarded route of a service without a database', onOk, [verified, ours]),
    line('the same, that asks for a role', onAdmin, [verified, ours]),
    line('guarded route that uses the session', onMe, [ours, byHand]),
    line('guarded route that uses the session', onMe, [ours, superTokens]),
    line('guarded route that asks for a role', onAdmin, [ours, superTokens], AT_LEAST[platform]),
  ];
}

async function measureAll(platform: Platform, settings: Settings) {
  const servers: Servers = new Map();
  const ours = await start(servers, 'ours', 'ours', platform);
  const bare = await start(servers, 'no guard', 'none', platform);
  const byHand = await start(servers, BY_HAND, 'by hand', platform);
  const verified = await start(
    servers,
    'ours, without a database',
    'ours, without a database',
    platform,
  );
  const superTokensName = `${withVersion('supertokens-nestjs')}, its core flattered`;
  const superTokens = await start(servers, superTokensName, 'supertokens-nestjs', platform);
  const jwtName = `${withVersion('@nestjs/jwt')}, guard as documented, secret as a KeyObject`;
  const jwt = await start(servers, jwtName, '@nestjs/jwt', platform);
  const onOk = await measure(servers, '/ok', settings);
  const onMe = await measure(servers, '/me', settings);
  const onAdmin = await measure(only(servers, [ours, verified, superTokens]), '/admin', settings);
  await stop(servers);
  return { ours, verified, bare, byHand, superTokens, jwt, onOk, onMe, onAdmin };
}

async function measureClose(
  platform: Platform,
  settings: Settings & { warmUpMs: number },
  isReversed: boolean,
) {
  const servers: Servers = new Map();
  const { ours, other: byHand } = await startByTurns(
    isReversed,
    () => start(servers, 'ours', 'ours', platform),
    () => start(servers, BY_HAND, 'by hand', platform),
  );
  const onOk = await measure(servers, '/ok', settings);
  const later = { ...settings, warmUpMs: CLOSE.laterWarmUpMs };
  const onAdmin = await measure(servers, '/admin', later);
  await stop(servers);
  return { ours, byHand, onOk, onAdmin };
}

async function start(
  servers: Servers,
  name: string,
  guard: Guard,
  platform: Platform,
): Promise<Contender> {
  const contender = Contender.start(name, 'application');
  servers.set(contender, await contender.ask('start', guard, platform));
  return contender;
}

function measure(servers: Servers, path: string, settings: Settings): Promise<Rounds> {
  return interleave([...servers.keys()], {
    ...settings,
    run: (contender, forMs) => loadAndCount(contender, servers.get(contender), path, forMs),
  });
}

function only(servers: Servers, wanted: readonly Contender[]): Servers {
  return new Map([...servers].filter(([contender]) => wanted.includes(contender)));
}

async function stop(servers: Servers): Promise<void> {
  await Promise.all([...servers.keys()].map((each) => each.stop()));
}
