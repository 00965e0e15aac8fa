import type { Contender } from './contender.js';
import type { Run } from './operation.js';

// By the CPU's time, since on a busy machine a program gets less of it.
const WARM_UP_CPU_MS = 1_000;
const LONGEST_WARM_UP_MS = 8_000;
const WARM_UP_STEPS = 4;

export interface RoundOptions {
  readonly rounds: number;
  readonly forMs: number;
  readonly atOnce?: number;
  /** How much each contender works before it counts, in milliseconds of the CPU. @default 1000 */
  readonly warmUpMs?: number;
  /** How one contender is run for one round. @default `contender.run` */
  readonly run?: (contender: Contender, forMs: number) => Promise<Run>;
}

/** The rounds of each contender, in the same order: the n-th of all were taken one after the other. */
export type Rounds = ReadonlyMap<Contender, readonly Run[]>;

/**
 * Runs contenders in turn, many short rounds in alternating order, so that what else the machine does meets all alike.
 * What comes before, while code is still being compiled, is thrown away.
 */
export async function interleave(
  contenders: readonly Contender[],
  options: RoundOptions,
): Promise<Rounds> {
  const { rounds, forMs, atOnce = 1, warmUpMs = WARM_UP_CPU_MS } = options;
  const run = options.run ?? ((contender) => contender.run(forMs, atOnce));
  for (const contender of contenders) await warmUp(warmUpMs, (ms) => run(contender, ms));
  const taken = new Map<Contender, Run[]>(contenders.map((each) => [each, []]));
  for (let round = 0; round < rounds; round += 1) {
    const inOrder = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of inOrder) taken.get(contender)?.push(await run(contender, forMs));
  }
  return taken;
}

/**
 * Measures with several processes of each contender, one after the other: a process is now fast, now slow for its whole
 * life, by a third, and a lucky one would decide a close comparison.
 *
 * @param processes how many; where there are fewer rounds, so many
 * @param measure starts the contenders, runs so many rounds, and stops them; by turns in one order and the other, since the
 *   one that is started first is the slower one by up to a tenth
 */
export async function withSeveralProcesses<T>(
  processes: number,
  rounds: number,
  measure: (rounds: number, isReversed: boolean) => Promise<T>,
): Promise<readonly [T, ...T[]]> {
  const started = Math.min(processes, rounds);
  const roundsOfEach = Math.ceil(rounds / started);
  const first = await measure(roundsOfEach, false);
  const others: T[] = [];
  while (others.length < started - 1) {
    others.push(await measure(roundsOfEach, others.length % 2 === 0));
  }
  return [first, ...others];
}

/** Starts ours and another one by turns. @returns both, and in the order of their start */
export async function startByTurns(
  isReversed: boolean,
  startOurs: () => Promise<Contender>,
  startOther: () => Promise<Contender>,
) {
  const first = await (isReversed ? startOther() : startOurs());
  const second = await (isReversed ? startOurs() : startOther());
  const [ours, other] = isReversed ? [second, first] : [first, second];
  return { ours, other, inOrder: [first, second] };
}

/** The rounds of several processes of each contender, by its name, as those of the first. */
export function joinRounds(parts: readonly Rounds[]): Rounds {
  const [first = new Map<Contender, readonly Run[]>()] = parts;
  const all = parts.flatMap((part) => [...part]);
  const runsOf = (name: string) => all.flatMap(([each, runs]) => (each.name === name ? runs : []));
  return new Map([...first.keys()].map((contender) => [contender, runsOf(contender.name)]));
}

async function warmUp(untilCpuMs: number, run: (forMs: number) => Promise<Run>): Promise<void> {
  const endsAt = performance.now() + LONGEST_WARM_UP_MS;
  for (let cpuMs = 0; cpuMs < untilCpuMs && performance.now() < endsAt;) {
    cpuMs += (await run(untilCpuMs / WARM_UP_STEPS)).cpuMs;
  }
}

export function microsecondsPerOperation({ operations, wallMs }: Run): number {
  return (wallMs * 1000) / operations;
}

export function cpuMicrosecondsPerOperation({ operations, cpuMs }: Run): number {
  return (cpuMs * 1000) / operations;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const inOrder = values.toSorted((a, b) => a - b);
  const position = (inOrder.length - 1) * share;
  const [low = Number.NaN, high = low] = [
    inOrder[Math.floor(position)],
    inOrder[Math.ceil(position)],
  ];
  return low + (high - low) * (position - Math.floor(position));
}
