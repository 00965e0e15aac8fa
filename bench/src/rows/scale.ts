import { Contender } from '../contender.js';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  runIn,
  type DatabasePlace,
  type Engine,
} from '../databases.js';
import { interleave, median, microsecondsPerOperation, type Rounds } from '../rounds.js';
import { seedingFor } from '../seeding.js';
import type { Settings } from '../settings.js';
import { short, type Line } from '../table.js';

const FEW = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const TOLERATED = 1.1;

/** How much more an operation costs with many rows, against how much more it costs the program by hand. */
export async function measureScale(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  if (settings.rows === undefined) return lines;
  for (const engine of await presentEngines(settings.engines)) {
    const few = await filled(engine, FEW);
    const many = await filled(engine, settings.rows);
    try {
      for (const what of ['create', 'refresh'] as const) {
        lines.push(await growth(what, few, many, settings));
      }
    } finally {
      await few.drop();
      await many.drop();
    }
  }
  return lines;
}

async function filled(engine: Engine, rows: number) {
  const database = await createDatabase(engine);
  await runIn(database, seedingFor(engine).sessions(rows, 100 * DAY_MS));
  return database;
}

async function growth(
  what: 'create' | 'refresh',
  few: DatabasePlace,
  many: DatabasePlace,
  settings: Settings,
): Promise<Line> {
  const start = async (program: string, { engine, at }: DatabasePlace) => {
    const contender = Contender.start(program, program);
    await contender.ask('prepare', { engine, at }, what, 1, false);
    return contender;
  };
  const [ourFew, ourMany] = [await start('our-sessions', few), await start('our-sessions', many)];
  const [few0, many0] = [await start('limit-sessions', few), await start('limit-sessions', many)];
  const contenders = [ourFew, ourMany, few0, many0];
  const rounds = await interleave(contenders, settings);
  await Promise.all(contenders.map((each) => each.stop()));
  const ours = growthOf(rounds, ourFew, ourMany);
  const byHand = growthOf(rounds, few0, many0);
  return {
    what: `${what}, ${ENGINE_NAMES[few.engine]}: cost at ${settings.rows?.toLocaleString('en')} rows over ${FEW.toLocaleString('en')}`,
    against: 'by hand',
    figure: `${short(ours)}×`,
    spread: '',
    reach: `≤ ${short(byHand * TOLERATED)}×`,
    reached: ours <= byHand * TOLERATED,
    ours: `${short(ours)}×`,
    theirs: `${short(byHand)}×`,
  };
}

function growthOf(rounds: Rounds, few: Contender, many: Contender): number {
  const costs = (contender: Contender) =>
    (rounds.get(contender) ?? []).map(microsecondsPerOperation);
  const base = costs(few);
  return median(costs(many).map((each, round) => each / (base[round] ?? Number.NaN)));
}
