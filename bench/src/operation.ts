import { answer, type Answers } from './answer.js';
import { repeatOnInputs, type OperationOnInputs } from './operation-on-inputs.js';

/** What is measured, once. @param lane which of those that run at once it is, from 0 */
export type Operation = (lane: number) => unknown;

/** What repeating an operation came to. */
export interface Run {
  readonly operations: number;
  readonly wallMs: number;
  /** Of the whole process: the garbage collector's threads too. */
  readonly cpuMs: number;
  /** How long each operation took, in milliseconds, if that was asked for. */
  readonly tookMs?: readonly number[];
}

// Looking at the clock each time would cost as much as the fastest operations; none of those is run many at once.
const OPERATIONS_PER_LOOK = 10;

/** A program whose operation is repeated. @param prepare gets what `prepare` was asked with */
export function answerRuns(
  prepare: (...parameters: never[]) => Promise<Operation | OperationOnInputs>,
  more: Answers = {},
): void {
  let operation: Operation | OperationOnInputs | undefined;
  answer({
    prepare: async (...parameters: never[]) => {
      operation = await prepare(...parameters);
    },
    run: async (forMs: number, atOnce: number, isEachTimed: boolean) => {
      if (operation === undefined) throw new Error('not prepared');
      if (isEachTimed) return repeatTimed(operation as Operation, forMs, atOnce);
      return typeof operation === 'function'
        ? repeat(operation, forMs, atOnce)
        : repeatOnInputs(operation, forMs, atOnce);
    },
    ...more,
  });
}

export async function repeat(operation: Operation, forMs: number, atOnce: number): Promise<Run> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + forMs;
  const perLook = atOnce === 1 ? OPERATIONS_PER_LOOK : 1;
  const lanes = Array.from({ length: atOnce }, (_, lane) =>
    repeatInLane(operation, lane, endsAt, perLook),
  );
  const done = await Promise.all(lanes);
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { operations: done.reduce((a, b) => a + b), wallMs, cpuMs: (user + system) / 1000 };
}

/** The same with the time of each operation, for operations that take far longer than a look at the clock. */
async function repeatTimed(operation: Operation, forMs: number, atOnce: number): Promise<Run> {
  const tookMs: number[] = [];
  const timed = async (lane: number): Promise<void> => {
    const begunAt = performance.now();
    await operation(lane);
    tookMs.push(performance.now() - begunAt);
  };
  return { ...(await repeat(timed, forMs, atOnce)), tookMs };
}

async function repeatInLane(
  operation: Operation,
  lane: number,
  endsAt: number,
  perLook: number,
): Promise<number> {
  let operations = 0;
  while (performance.now() < endsAt) {
    for (let i = 0; i < perLook; i += 1) {
      const result = operation(lane);
      if (result instanceof Promise) await result;
    }
    operations += perLook;
  }
  return operations;
}
