import { Contender } from '../contender.js';
import { createDatabase, ENGINE_NAMES, presentEngines } from '../databases.js';
import type { RequestLine } from '../load.js';
import { loadAndCount } from '../load-and-count.js';
import { IN_MEMORY } from '../our-application.js';
import { interleave, joinRounds, withSeveralProcesses } from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, type Line } from '../table.js';

const LANES = 16;
const PROCESSES = 3;

/** What a bound session costs beside an unbound one: a guarded route, and a refresh over HTTP on each database. */
export async function measureBinding(settings: Settings): Promise<Line[]> {
  return [await measureGuarded(settings), ...(await measureRefreshes(settings))];
}

async function measureGuarded(settings: Settings): Promise<Line> {
  const runs = await withSeveralProcesses(PROCESSES, settings.rounds, async (rounds) => {
    const servers = new Map<Contender, Omit<RequestLine, 'path'>>();
    const start = async (what: 'bound' | 'unbound') => {
      const contender = Contender.start(`ours: ${what}`, 'our-bound');
      await contender.ask('prepare', IN_MEMORY, what, 1);
      servers.set(contender, await contender.ask<Omit<RequestLine, 'path'>>('server'));
      return contender;
    };
    const [ours, against] = [await start('bound'), await start('unbound')];
    const taken = await interleave([ours, against], {
      ...settings,
      rounds,
      run: (contender, forMs) => loadAndCount(contender, servers.get(contender), '/me', forMs),
    });
    await Promise.all([ours.stop(), against.stop()]);
    return { ours, against, taken };
  });
  const [{ ours, against }] = runs;
  const rounds = joinRounds(runs.map(({ taken }) => taken));
  return compare({
    what: 'guarded route of a bound session, Fastify',
    rounds,
    ours,
    against,
    by: 'cpu',
  });
}

/** A refresh of a bound session beside one of an unbound session, over HTTP, on each database. */
async function measureRefreshes(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  for (const engine of await presentEngines(settings.engines)) {
    const database = await createDatabase(engine);
    const place = { engine: database.engine, at: database.at };
    try {
      const runs = await withSeveralProcesses(PROCESSES, settings.rounds, async (rounds) => {
        const start = async (what: 'bound' | 'unbound') => {
          const contender = Contender.start(`ours: ${what} refresh`, 'our-bound');
          await contender.ask('prepare', place, what, LANES);
          return contender;
        };
        const [ours, against] = [await start('bound'), await start('unbound')];
        const own = { ...settings, rounds, atOnce: LANES };
        const taken = await interleave([ours, against], own);
        await Promise.all([ours.stop(), against.stop()]);
        return { ours, against, taken };
      });
      const [{ ours, against }] = runs;
      const rounds = joinRounds(runs.map(({ taken }) => taken));
      const what = `refresh of a bound session, over HTTP with what its browser signs, ${ENGINE_NAMES[engine]}`;
      lines.push(compare({ what, rounds, ours, against, by: 'time' }));
    } finally {
      await database.drop();
    }
  }
  return lines;
}
