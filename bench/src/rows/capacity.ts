import { Contender } from '../contender.js';
import { createDatabase, ENGINE_NAMES, presentEngines, type OwnDatabase } from '../databases.js';
import type { Action, Traffic } from '../programs/users.js';
import type { Settings } from '../settings.js';
import { plain, type Line } from '../table.js';

const WARM_UP_MS = 20_000;
const SATURATED_MS = 20_000;
const AT_ONCE = 64;
const ACTIONS: Readonly<Record<Action, string>> = {
  request: 'guarded requests',
  refresh: 'refreshes',
  login: 'logins',
};

/**
 * How much one application carries, on a machine that its database and its clients share with it: first as much as it can,
 * and then half of that for a while.
 */
export async function measureCapacity(settings: Settings): Promise<Line[]> {
  const { capacityMinutes } = settings;
  if (capacityMinutes === undefined) return [];
  const lines: Line[] = [];
  for (const engine of await presentEngines(settings.engines)) {
    const database = await createDatabase(engine);
    lines.push(...(await measureOne(database, capacityMinutes * 60_000)));
    await database.drop();
  }
  return lines;
}

async function measureOne({ engine, at }: OwnDatabase, forMs: number): Promise<Line[]> {
  const name = ENGINE_NAMES[engine];
  const server = Contender.start('ours', 'our-server');
  const users = Contender.start('users', 'users');
  await users.ask('start', await server.ask<number>('start', { engine, at }));
  await users.ask('saturate', WARM_UP_MS, AT_ONCE);
  const most = await users.ask<number>('saturate', SATURATED_MS, AT_ONCE);
  await server.ask('startCounting');
  const traffic = await users.ask<Traffic>('keepRate', forMs, most / 2);
  const cpuMs = await server.ask<number>('cpuMs');
  await Promise.all([server.stop(), users.stop()]);
  return [
    plain(`${name}: most that it answers, all together`, most, 'a second'),
    plain(`${name}: at half of that, the server's part of one core`, (100 * cpuMs) / forMs, '%'),
    ...Object.entries(ACTIONS).flatMap(([action, what]) => {
      const { count, p50, p99, longest } = traffic[action as Action];
      return [
        plain(`${name}: at half of that, ${what}`, (1000 * count) / forMs, 'a second'),
        plain(`${name}: ${what}, median`, p50, 'ms'),
        plain(`${name}: ${what}, 99th percentile`, p99, 'ms'),
        plain(`${name}: ${what}, longest`, longest, 'ms'),
      ];
    }),
  ];
}
