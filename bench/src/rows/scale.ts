import { Contender } from '../contender.js';
import {
  createDatabase,
  ENGINE_NAMES,
  presentEngines,
  runIn,
  type DatabasePlace,
  type Engine,
} from '../databases.js';
import { interleave, median, quantile, type Rounds } from '../rounds.js';
import { seedingFor, SESSIONS_OF_A_USER } from '../seeding.js';
import type { Settings } from '../settings.js';
import { plain, short, type Line } from '../table.js';
import { ROWS_OPERATIONS, type RowsOperation } from './many-rows.js';

const FEW = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const TOLERATED = 1.1;
const PRUNED = 5_000;
const PRUNINGS = 5;
const LONGEST_BATCH_MS = 100;

// The end of all sessions waits a few milliseconds for the clocks of other instances. Many at once hide that, which would
// otherwise hide how much the work itself has grown.
const AT_ONCE_WHERE_ONE_WAITS = 16;

interface Filled extends DatabasePlace {
  readonly rows: number;
  drop(): Promise<void>;
}

interface Pruning {
  readonly pruned: number;
  readonly batches: number;
  readonly wallMs: number;
  readonly longestMs: number;
}

/** How much more an operation costs with many rows, against how much more it costs the program by hand. */
export async function measureScale(settings: Settings): Promise<Line[]> {
  const lines: Line[] = [];
  if (settings.rows === undefined) return lines;
  for (const engine of await presentEngines(settings.engines)) {
    const few = await filled(engine, FEW);
    const many = await filled(engine, settings.rows);
    try {
      for (const what of ROWS_OPERATIONS) lines.push(...(await growth(what, few, many, settings)));
      lines.push(...(await pruning(few, many)));
    } finally {
      await few.drop();
      await many.drop();
    }
  }
  return lines;
}

async function filled(engine: Engine, rows: number): Promise<Filled> {
  const database = await createDatabase(engine);
  const seeding = seedingFor(engine);
  await runIn(database, seeding.sessions(rows, 100 * DAY_MS));
  await runIn(database, seeding.analyze('auth_session'));
  return { engine, at: database.at, rows, drop: () => database.drop() };
}

async function start(program: string, { engine, at, rows }: Filled, what: RowsOperation) {
  const contender = Contender.start(program, program);
  await contender.ask('prepare', { engine, at }, what, Math.ceil(rows / SESSIONS_OF_A_USER));
  return contender;
}

async function growth(
  what: RowsOperation,
  few: Filled,
  many: Filled,
  settings: Settings,
): Promise<Line[]> {
  const ours = [await start('our-rows', few, what), await start('our-rows', many, what)] as const;
  const byHand = [
    await start('limit-rows', few, what),
    await start('limit-rows', many, what),
  ] as const;
  const contenders = [...ours, ...byHand];
  const atOnce = what === 'login and revoke-all' ? AT_ONCE_WHERE_ONE_WAITS : 1;
  const rounds = await interleave(contenders, {
    ...settings,
    run: (contender, forMs) => contender.run(forMs, atOnce, true),
  });
  await Promise.all(contenders.map((each) => each.stop()));
  return [0.5, 0.99].map((share) =>
    compared(
      `${what}, ${share === 0.5 ? 'median' : '99th percentile'}`,
      many,
      growthOf(rounds, share, ...ours),
      growthOf(rounds, share, ...byHand),
    ),
  );
}

/** The same for pruning, which is run a few times on rows that have expired, and the longest that a batch took. */
async function pruning(few: Filled, many: Filled): Promise<Line[]> {
  const databases = [few, many] as const;
  const programs = ['our-rows', 'limit-rows'] as const;
  const costs = new Map<string, number[]>();
  let longestMs = 0;
  let batches = 0;
  for (let round = 0; round < PRUNINGS; round += 1) {
    for (const program of programs) {
      for (const database of databases) {
        await runIn(database, seedingFor(database.engine).sessions(PRUNED, -1));
        const contender = await start(program, database, 'list');
        const done = await contender.ask<Pruning>('prune');
        await contender.stop();
        const key = `${program} ${database.rows}`;
        costs.set(key, [...(costs.get(key) ?? []), done.wallMs / done.pruned]);
        if (database === few || program === 'limit-rows') continue;
        longestMs = Math.max(longestMs, done.longestMs);
        batches += done.batches;
      }
    }
  }
  const [ours = Number.NaN, byHand = Number.NaN] = programs.map((program) =>
    ratioOf(costs.get(`${program} ${few.rows}`), costs.get(`${program} ${many.rows}`)),
  );
  return [
    compared('prune', many, ours, byHand),
    plain(
      `prune, ${ENGINE_NAMES[many.engine]}, ${many.rows.toLocaleString('en')} rows: longest batch of ${batches}`,
      longestMs,
      'ms',
      { atMost: LONGEST_BATCH_MS },
    ),
  ];
}

function compared(what: string, { engine, rows }: Filled, ours: number, byHand: number): Line {
  return {
    what: `${what}, ${ENGINE_NAMES[engine]}: cost at ${rows.toLocaleString('en')} rows over ${FEW.toLocaleString('en')}`,
    against: 'by hand',
    figure: `${short(ours)}×`,
    spread: '',
    reach: `≤ ${short(byHand * TOLERATED)}×`,
    reached: ours <= byHand * TOLERATED,
    ours: `${short(ours)}×`,
    theirs: `${short(byHand)}×`,
  };
}

function growthOf(rounds: Rounds, share: number, few: Contender, many: Contender): number {
  const took = (contender: Contender) =>
    quantile(
      (rounds.get(contender) ?? []).flatMap((run) => run.tookMs ?? []),
      share,
    );
  return took(many) / took(few);
}

function ratioOf(few: readonly number[] = [], many: readonly number[] = []): number {
  return median(many.map((each, round) => each / (few[round] ?? Number.NaN)));
}
