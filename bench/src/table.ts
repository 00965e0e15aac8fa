import type { Contender } from './contender.js';
import {
  cpuMicrosecondsPerOperation,
  median,
  microsecondsPerOperation,
  quantile,
  type Rounds,
} from './rounds.js';

/** One line of the table. */
export interface Line {
  readonly what: string;
  /** Which program it is compared with, with its version. */
  readonly against: string;
  /** How many times as fast as the other ours is, or the figure itself where there is nothing to compare with. */
  readonly figure: string;
  /** The middle half of the rounds. */
  readonly spread: string;
  readonly reach: string;
  readonly reached: boolean | undefined;
  /** Of one operation; what the figure compares. */
  readonly ours: string;
  readonly theirs: string;
}

export interface Comparison {
  readonly what: string;
  readonly rounds: Rounds;
  readonly ours: Contender;
  readonly against: Contender;
  /**
   * What an operation costs: the process's own CPU time, or the time on the clock, in which a database's work counts.
   * CPU time also where the one who measures shares the machine.
   */
  readonly by: 'cpu' | 'time';
  readonly atLeast?: number;
}

/** Compares round by round, so that each ratio is of two runs that were neighbours. */
export function compare({ what, rounds, ours, against, by, atLeast }: Comparison): Line {
  const cost = by === 'cpu' ? cpuMicrosecondsPerOperation : microsecondsPerOperation;
  const own = (rounds.get(ours) ?? []).map(cost);
  const others = (rounds.get(against) ?? []).map(cost);
  const ratios = own.map((each, round) => (others[round] ?? Number.NaN) / each);
  const ratio = median(ratios);
  const unit = by === 'cpu' ? ' CPU' : '';
  return {
    what,
    against: against.name,
    figure: `${short(ratio)}×`,
    spread: `${short(quantile(ratios, 0.25))}–${short(quantile(ratios, 0.75))}`,
    reach: atLeast === undefined ? '' : `≥ ${atLeast}×`,
    reached: atLeast === undefined ? undefined : ratio >= atLeast,
    ours: `${short(median(own))} µs${unit}`,
    theirs: `${short(median(others))} µs${unit}`,
  };
}

/** A figure that stands for itself. */
export function plain(
  what: string,
  value: number,
  unit: string,
  limit?: { atMost: number },
  theirs = '',
  against = '',
): Line {
  return {
    what,
    against,
    figure: `${short(value)} ${unit}`,
    spread: '',
    reach: limit === undefined ? '' : `≤ ${limit.atMost} ${unit}`,
    reached: limit === undefined ? undefined : value <= limit.atMost,
    ours: '',
    theirs,
  };
}

export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(value >= 1000 ? 4 : 3)));
}

const HEADINGS = ['what', 'compared with', 'figure', 'middle half', 'reach', '', 'ours', 'theirs'];

export function toMarkdown(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    line.what,
    line.against,
    `**${line.figure}**`,
    line.spread,
    line.reach,
    line.reached === undefined ? '' : line.reached ? 'yes' : 'no',
    line.ours,
    line.theirs,
  ]);
  return [HEADINGS, HEADINGS.map(() => '---'), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

/** For a terminal: columns under one another. */
export function toText(lines: readonly Line[]): string {
  const rows = [
    HEADINGS,
    ...lines.map((line) => [
      line.what,
      line.against,
      line.figure,
      line.spread,
      line.reach,
      line.reached === undefined ? '' : line.reached ? 'yes' : 'NO',
      line.ours,
      line.theirs,
    ]),
  ];
  const widths = HEADINGS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')).join('\n');
}
