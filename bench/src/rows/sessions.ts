import { Contender } from '../contender.js';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  type Engine,
  type OwnDatabase,
} from '../databases.js';
import {
  interleave,
  joinRounds,
  median,
  microsecondsPerOperation,
  startByTurns,
  withSeveralProcesses,
} from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, plain, type Line } from '../table.js';
import { withVersion } from '../versions.js';

const MANY = 64;
const PROCESSES = 5;
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
  const one = joinRounds(runs.map((each) => each.one));
  const many = joinRounds(runs.map((each) => each.many));
  const { ours, byHand, grouped } = runs[0];
  const title = `${what}, ${ENGINE_NAMES[database.engine]}`;
  const reach = database.engine === 'mariadb' ? {} : { atLeast: 0.8 };
  const by = 'time' as const;
  const lines = [
    compare({ what: title, rounds: one, ours, against: byHand, by, ...reach }),
    compare({ what: `${title}, CPU`, rounds: one, ours, against: byHand, by: 'cpu' }),
  ];
  for (const against of [byHand, ...grouped]) {
    const inMany = `${title}, ${MANY} at once`;
    lines.push(compare({ what: inMany, rounds: many, ours, against, by, ...reach }));
  }
  return lines;
}

/** One process of each contender, from its start to its end. */
async function runOnce(
  what: 'create' | 'refresh',
  { engine, at }: OwnDatabase,
  settings: Settings,
  isReversed: boolean,
) {
  const driver = withVersion(DRIVERS[engine]);
  const start = async (name: string, program: string, ...parameters: unknown[]) => {
    const contender = Contender.start(name, program);
    await contender.ask('prepare', { engine, at }, what, MANY, ...parameters);
    return contender;
  };
  const {
    ours,
    other: byHand,
    inOrder,
  } = await startByTurns(
    isReversed,
    () => start(`ours: ${what}`, 'our-sessions'),
    () => start(`by hand: ${driver}`, 'limit-sessions', false),
  );
  const grouped =
    engine === 'postgres'
      ? [await start(`by hand: ${driver}, many in a statement`, 'limit-sessions', true)]
      : [];
  const one = await interleave(inOrder, settings);
  const many = await interleave([...inOrder, ...grouped], { ...settings, atOnce: MANY });
  await Promise.all([ours, byHand, ...grouped].map((contender) => contender.stop()));
  return { ours, byHand, grouped, one, many };
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
