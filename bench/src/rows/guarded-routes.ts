import { Contender } from '../contender.js';
import { load, type RequestLine } from '../load.js';
import type { Run } from '../operation.js';
import type { Guard, Platform } from '../programs/application.js';
import { interleave } from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, type Line } from '../table.js';
import { withVersion } from '../versions.js';

const AT_LEAST: Readonly<Record<Platform, number>> = { fastify: 5, express: 2.5 };

const ROUNDS_FOR_CLOSE_ONES = 4;

/** A route of Nest's behind each guard: the CPU time that the server spends on a request, over real sockets. */
export async function measureGuardedRoutes(settings: Settings): Promise<Line[]> {
  return [...(await measureOn('fastify', settings)), ...(await measureOn('express', settings))];
}

async function measureOn(platform: Platform, settings: Settings): Promise<Line[]> {
  const servers = new Map<Contender, Omit<RequestLine, 'path'>>();
  const start = async (name: string, guard: Guard) => {
    const contender = Contender.start(name, 'application');
    servers.set(contender, await contender.ask('start', guard, platform));
    return contender;
  };
  const ours = await start('ours', 'ours');
  const bare = await start('no guard', 'none');
  const byHand = await start('a minimal guard by hand', 'by hand');
  const superTokens = await start(
    `${withVersion('supertokens-nestjs')}, its core flattered`,
    'supertokens-nestjs',
  );
  const jwt = await start(`${withVersion('@nestjs/jwt')}, guard as documented`, '@nestjs/jwt');
  const contenders = [...servers.keys()];
  const measure = (path: string, these = contenders, rounds = settings.rounds) =>
    interleave(these, {
      ...settings,
      rounds,
      run: (contender, forMs) => requestAll(contender, servers.get(contender), path, forMs),
    });
  // The guards of these two differ by 1 µs in a request of 40, and a round alone varies by more than that.
  const close = await measure('/ok', [ours, byHand], settings.rounds * ROUNDS_FOR_CLOSE_ONES);
  const onOk = await measure('/ok');
  const onMe = await measure('/me');
  await Promise.all(contenders.map((each) => each.stop()));
  const line = (what: string, rounds: typeof onOk, against: Contender, atLeast?: number) =>
    compare({
      what: `${what} on ${platform}`,
      rounds,
      ours,
      against,
      by: 'cpu',
      ...(atLeast === undefined ? {} : { atLeast }),
    });
  return [
    line('guarded route', close, byHand, 0.95),
    line('guarded route', onOk, bare),
    line('guarded route', onOk, superTokens, AT_LEAST[platform]),
    line('guarded route', onOk, jwt),
    line('guarded route that uses the session', onMe, byHand),
    line('guarded route that uses the session', onMe, superTokens),
  ];
}

async function requestAll(
  contender: Contender,
  server: Omit<RequestLine, 'path'> | undefined,
  path: string,
  forMs: number,
): Promise<Run> {
  if (server === undefined) throw new Error(`${contender.name} has not started`);
  await contender.ask('startCounting');
  const startedAt = performance.now();
  const operations = await load({ ...server, path }, forMs);
  const wallMs = performance.now() - startedAt;
  return { operations, wallMs, cpuMs: await contender.ask<number>('cpuMs') };
}
