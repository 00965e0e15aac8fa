import { Contender } from '../contender.js';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  type Engine,
  type OwnDatabase,
} from '../databases.js';
import type { Sender } from '../programs/limit-sessions.js';
import {
  interleave,
  joinRounds,
  median,
  microsecondsPerOperation,
  startByTurns,
  withSeveralProcesses,
  type Rounds,
} from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, plain, type Line } from '../table.js';
import { withVersion } from '../versions.js';

const AT_ONCE = [1, 16, 64] as const;
const MOST_AT_ONCE = 64;
const PROCESSES = 5;
// With one at a time most of the time is the database's: after a second of the CPU's, much of the code is not compiled.
const FIRST_WARM_UP_MS = 4_000;
// The code is compiled by then.
const LATER_WARM_UP_MS = 300;
const DRIVERS: Readonly<Record<Engine, string>> = {
  sqlite: 'better-sqlite3',
  postgres: 'pg',
  mariadb: 'mysql2',
};

/** Creating and refreshing sessions on each database. */
export async function measureSessions(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  for (const engine of await presentEngines(settings.engines)) {
    const database = await createDatabase(engine);
    try {
      for (const what of ['create', 'refresh'] as const) {
        lines.push(...(await measureOne(what, database, settings)));
      }
      lines.push(await measureContention(database, settings));
    } finally {
      await database.drop();
    }
  }
  return lines;
}

async function measureOne(
  what: 'create' | 'refresh',
  database: OwnDatabase,
  settings: Settings,
): Promise<Line[]> {
  const runs = await withSeveralProcesses(PROCESSES, settings.rounds, (rounds, isReversed) =>
    runOnce(what, database, { ...settings, rounds }, isReversed),
  );
  const [{ ours, driver, typeorm, grouped }] = runs;
  return AT_ONCE.flatMap((atOnce, index) => {
    const rounds = joinRounds(runs.map(({ taken }) => taken[index] ?? new Map()));
    const manner = atOnce === 1 ? 'one at a time' : `${atOnce} at once`;
    const title = `${what}, ${ENGINE_NAMES[database.engine]}, ${manner}`;
    // A driver answers the one that is alone sooner than any runner around it. SQLite's has nothing to share either.
    const isDriverInReach = atOnce > 1 && database.engine !== 'sqlite';
    const reaches = (isAsked: boolean) => (isAsked ? { atLeast: 1 } : {});
    const beside = { rounds, ours, by: 'time' } as const;
    return [
      compare({ what: title, ...beside, against: driver, ...reaches(isDriverInReach) }),
      compare({ what: title, ...beside, against: typeorm, ...reaches(!isDriverInReach) }),
      atOnce === 1
        ? compare({ what: `${title}, CPU`, rounds, ours, against: driver, by: 'cpu' })
        : compare({ what: title, ...beside, against: grouped }),
    ];
  });
}

/** One process of each contender, from its start to its end. */
async function runOnce(
  what: 'create' | 'refresh',
  { engine, at }: OwnDatabase,
  settings: Settings,
  isReversed: boolean,
) {
  const start = async (name: string, program: string, sender?: Sender) => {
    const contender = Contender.start(name, program);
    await contender.ask('prepare', { engine, at }, what, MOST_AT_ONCE, sender);
    return contender;
  };
  const driverName = withVersion(DRIVERS[engine]);
  const {
    ours,
    other: driver,
    inOrder,
  } = await startByTurns(
    isReversed,
    () => start(`ours: ${what}`, 'our-sessions'),
    () => start(`by hand: ${driverName}`, 'limit-sessions', 'driver'),
  );
  const runner = `${withVersion('typeorm')} query()`;
  const typeorm = await start(`by hand: ${runner}`, 'limit-sessions', 'typeorm');
  const inOne = engine === 'sqlite' ? 'in a transaction' : 'in a statement';
  const grouped = await start(`by hand: ${driverName}, many ${inOne}`, 'limit-sessions', 'grouped');
  const taken: Rounds[] = [];
  for (const atOnce of AT_ONCE) {
    const contenders = [...inOrder, typeorm, ...(atOnce === 1 ? [] : [grouped])];
    const warmUpMs = atOnce === 1 ? FIRST_WARM_UP_MS : LATER_WARM_UP_MS;
    taken.push(await interleave(contenders, { ...settings, warmUpMs, atOnce }));
  }
  await Promise.all([ours, driver, typeorm, grouped].map((contender) => contender.stop()));
  return { ours, driver, typeorm, grouped, taken };
}

async function measureContention(database: OwnDatabase, settings: Settings): Promise<Line> {
  const tabs = 16;
  const contender = Contender.start('ours: contended refresh', 'our-sessions');
  const place = { engine: database.engine, at: database.at };
  await contender.ask('prepare', place, 'contended refresh', tabs);
  const rounds = await interleave([contender], settings);
  await contender.stop();
  const micros = (rounds.get(contender) ?? []).map(microsecondsPerOperation);
  const what = `a login, then ${tabs} refreshes of one token at once, ${ENGINE_NAMES[place.engine]}`;
  return plain(what, median(micros) / 1000, 'ms');
}
