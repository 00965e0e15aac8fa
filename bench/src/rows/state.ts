import { Contender } from '../contender.js';
import { createDatabase, runIn, type DatabasePlace } from '../databases.js';
import { IN_MEMORY } from '../our-application.js';
import { interleave, joinRounds, median, withSeveralProcesses } from '../rounds.js';
import { seedingFor } from '../seeding.js';
import type { Settings } from '../settings.js';
import { compare, plain, type Line } from '../table.js';

const STARTS = 5;
const PROCESSES = 5;
const REVOKED = 100_000;
const EXPIRED = 20_000;
const LONGEST_STALL_MS = 20;
const LONGEST_START_MS = 150;

/** Memory, time to start, and how long the event loop is held up. */
export async function measureState(settings: Settings): Promise<Line[]> {
  return [
    ...(await measureHeap()),
    ...(await measureStart()),
    ...(await measureFeed(settings)),
    ...(await measureDelay(settings)),
  ];
}

async function measureHeap(): Promise<Line[]> {
  const contender = Contender.start('ours', 'our-state', ['--expose-gc']);
  await contender.ask('start', IN_MEMORY, { verifiedTokenCache: { max: 100_000 } });
  const numbers = [1_000, 10_000, 100_000];
  const [base = 0, ...later] = await contender.ask<number[]>('heapAfter', numbers);
  await contender.stop();
  return later.map((bytes, index) => {
    const number = numbers[index + 1] ?? 0;
    const what = `heap for each verified token, of ${number.toLocaleString('en')}`;
    return plain(what, (bytes - base) / (number - 1_000), 'bytes', { atMost: 2048 });
  });
}

async function measureStart(): Promise<Line[]> {
  const database = await createDatabase('sqlite');
  const place = { engine: database.engine, at: database.at };
  const ours: number[] = [];
  const without: number[] = [];
  for (let start = 0; start <= STARTS; start += 1) {
    without.push(await startOnce('plain-start', place));
    ours.push(await startOnce('our-state', place));
  }
  await database.drop();
  // The first one makes the keys.
  const [first = 0, ...later] = ours;
  const differences = later.map((each, index) => each - (without[index + 1] ?? 0));
  return [
    plain('start-up that our module adds', median(differences), 'ms'),
    plain('start-up for the first time, with the keys made', first - (without[0] ?? 0), 'ms'),
  ];
}

async function startOnce(program: string, place: DatabasePlace): Promise<number> {
  const contender = Contender.start(program, program);
  const { startedInMs } = await contender.ask<Pick<Start, 'startedInMs'>>('start', place, {});
  await contender.stop();
  return startedInMs;
}

async function measureFeed(settings: Settings): Promise<Line[]> {
  const runs = await withSeveralProcesses(PROCESSES, settings.rounds, (rounds, isReversed) =>
    runFeed({ ...settings, rounds }, isReversed),
  );
  const [{ withFeed, without }] = runs;
  const of = (figure: (run: FeedRun) => number) => median(runs.map(figure));
  const title = `with ${REVOKED.toLocaleString('en')} sessions revoked in the last hour`;
  return [
    compare({
      what: `verify, warm, ${title}`,
      rounds: joinRounds(runs.map((each) => each.rounds)),
      ours: withFeed.contender,
      against: without.contender,
      by: 'cpu',
    }),
    plain(
      `start-up ${title}`,
      of((run) => run.withFeed.startedInMs - run.without.startedInMs),
      'ms more',
      { atMost: LONGEST_START_MS },
    ),
    plain(
      `until all of them are in memory, ${title}`,
      of((run) => run.withFeed.knowsAllInMs - run.without.knowsAllInMs),
      'ms more',
    ),
    plain(`heap ${title}, for each`, of((run) => run.heap) / REVOKED, 'bytes'),
    plain(
      `event loop, start-up ${title}: longest delay`,
      of((run) => run.withFeed.longestDelayMs),
      'ms',
    ),
    // Node loads the classes of Nest and TypeORM meanwhile, in both.
    plain(
      'event loop, start-up without them: longest delay',
      of((run) => run.without.longestDelayMs),
      'ms',
    ),
  ];
}

type FeedRun = Awaited<ReturnType<typeof runFeed>>;

async function runFeed(settings: Settings, isReversed: boolean) {
  const first = await startedWith(isReversed ? REVOKED : 0);
  const second = await startedWith(isReversed ? 0 : REVOKED);
  const [without, withFeed] = isReversed ? [second, first] : [first, second];
  for (const each of [first, second]) await each.contender.ask('prepareVerify');
  const rounds = await interleave([first.contender, second.contender], settings);
  const heaps = [withFeed, without].map((each) => each.contender.ask<number>('heapInUse'));
  const [heapWith = 0, heapWithout = 0] = await Promise.all(heaps);
  for (const each of [first, second]) await each.stop();
  return { without, withFeed, rounds, heap: heapWith - heapWithout };
}

async function startedWith(revoked: number) {
  const database = await createDatabase('sqlite');
  if (revoked > 0) await runIn(database, seedingFor('sqlite').revocations(revoked));
  const name = revoked === 0 ? 'ours, none revoked' : 'ours';
  const contender = Contender.start(name, 'our-state', ['--expose-gc']);
  const place = { engine: database.engine, at: database.at };
  const started = await contender.ask<Start>('start', place, {});
  const stop = async () => {
    await contender.stop();
    await database.drop();
  };
  return { contender, stop, ...started };
}

async function measureDelay({ forMs }: Settings): Promise<Line[]> {
  const durationMs = Math.max(5_000, 10 * forMs);
  const quiet = await delayWith(durationMs, {});
  const busy = await delayWith(durationMs, {
    signing: { rotationInterval: '3s' },
    accessTokenLifetime: '2s',
    pruning: { interval: '1s' },
  });
  const title = 'event loop, logins and requests';
  return [
    plain(`${title}: delay, 99th percentile`, quiet.p99, 'ms'),
    plain(`${title}, while keys rotate and 20,000 rows are pruned: the same`, busy.p99, 'ms'),
    plain(`${title}, while keys rotate and 20,000 rows are pruned: longest`, busy.longest, 'ms', {
      atMost: LONGEST_STALL_MS,
    }),
  ];
}

async function delayWith(durationMs: number, options: object): Promise<Delay> {
  const database = await createDatabase('sqlite');
  const contender = Contender.start('ours', 'our-state');
  await contender.ask('start', { engine: 'sqlite', at: database.at }, options);
  await contender.ask('query', seedingFor('sqlite').sessions(EXPIRED, -1));
  const delay = await contender.ask<Delay>('delayWhileBusy', durationMs);
  await contender.stop();
  await database.drop();
  return delay;
}

interface Start {
  readonly startedInMs: number;
  readonly knowsAllInMs: number;
  readonly longestDelayMs: number;
}

interface Delay {
  readonly p99: number;
  readonly longest: number;
}
