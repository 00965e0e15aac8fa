import { Contender } from '../contender.js';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  type Engine,
  type OwnDatabase,
} from '../databases.js';
import { interleave } from '../rounds.js';
import type { Settings } from '../settings.js';
import { compare, plain, type Line } from '../table.js';
import { median, microsecondsPerOperation } from '../rounds.js';
import { withVersion } from '../versions.js';

const MANY = 64;
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
  const place = { engine: database.engine, at: database.at };
  const driver = withVersion(DRIVERS[place.engine]);
  const start = async (name: string, program: string, ...parameters: unknown[]) => {
    const contender = Contender.start(name, program);
    await contender.ask('prepare', place, what, MANY, ...parameters);
    return contender;
  };
  const ours = await start(`ours: ${what}`, 'our-sessions');
  const byHand = await start(`by hand: ${driver}`, 'limit-sessions', false);
  const grouped =
    place.engine === 'postgres'
      ? await start(`by hand: ${driver}, many in a statement`, 'limit-sessions', true)
      : undefined;
  const one = await interleave([ours, byHand], settings);
  const many = await interleave([ours, byHand, ...(grouped === undefined ? [] : [grouped])], {
    ...settings,
    atOnce: MANY,
  });
  await Promise.all([ours.stop(), byHand.stop(), grouped?.stop()]);
  const title = `${what}, ${ENGINE_NAMES[place.engine]}`;
  const reach = place.engine === 'mariadb' ? {} : { atLeast: 0.8 };
  const by = 'time' as const;
  return [
    compare({ what: title, rounds: one, ours, against: byHand, by, ...reach }),
    compare({ what: `${title}, CPU`, rounds: one, ours, against: byHand, by: 'cpu' }),
    compare({
      what: `${title}, ${MANY} at once`,
      rounds: many,
      ours,
      against: byHand,
      by,
      ...reach,
    }),
    ...(grouped === undefined
      ? []
      : [
          compare({
            what: `${title}, ${MANY} at once`,
            rounds: many,
            ours,
            against: grouped,
            by,
            ...reach,
          }),
        ]),
  ];
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
