import { ENGINES, type Engine } from './databases.js';

/** How the benchmark was asked to run. */
export interface Settings {
  /** Parts whose names begin with one of these; all where there is none. */
  readonly only: readonly string[];
  readonly engines: readonly Engine[];
  readonly rounds: number;
  readonly forMs: number;
  /** Also at this many rows. */
  readonly rows: number | undefined;
  /** Also a steady load for so long, to look for leaks. */
  readonly leakMinutes: number | undefined;
  /** Also how much one machine carries, for so long on each database. */
  readonly capacityMinutes: number | undefined;
  /** Whether the figures take the place of those in bench/results; else they are put in bench/results/last. */
  readonly isKept: boolean;
}

const USAGE = `npm run bench -- [options]
  --only=verify,guarded   only the parts whose names begin so
  --engines=sqlite        on these databases alone: sqlite, postgres, mariadb
  --rounds=15             rounds of each comparison
  --ms=200                milliseconds of a round
  --rows=1000000          also compares the cost at so many rows with that at 10,000 (takes long)
  --leak-minutes=30       also holds a steady load and watches the heap
  --capacity-minutes=10   also measures how much one machine carries, for so long on each database
  --keep=yes              writes the figures to bench/results, which are published; else to bench/results/last
  --profile=ours          CPU profiles of the programs whose name has this in it, in bench/results/profiles`;

const NAMES = [
  'only',
  'engines',
  'rounds',
  'ms',
  'rows',
  'leak-minutes',
  'capacity-minutes',
  'keep',
  'profile',
];

/** Reads the command line; prints what there is and ends where it can't be read. */
export function readSettings(parameters: readonly string[]): Settings {
  const given = new Map(
    parameters.map((each) => {
      const [, name = '', value = ''] = /^--([\w-]+)=(.+)$/.exec(each) ?? [];
      if (!NAMES.includes(name)) {
        console.log(USAGE);
        process.exit(1);
      }
      return [name, value];
    }),
  );
  const number = (name: string) => (given.has(name) ? Number(given.get(name)) : undefined);
  return {
    only: given.get('only')?.split(',') ?? [],
    engines: ENGINES.filter((each) => given.get('engines')?.includes(each) ?? true),
    rounds: number('rounds') ?? 15,
    forMs: number('ms') ?? 200,
    rows: number('rows'),
    leakMinutes: number('leak-minutes'),
    capacityMinutes: number('capacity-minutes'),
    isKept: given.get('keep') === 'yes',
  };
}
