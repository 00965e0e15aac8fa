import type { Run } from './operation.js';

/** What is measured, each time with an input of its own. Making the inputs is not measured. */
export interface OperationOnInputs {
  readonly makeInput: () => unknown;
  readonly run: (input: unknown) => unknown;
}

export function onInputs<Input>(
  makeInput: () => Input,
  run: (input: Input) => unknown,
): OperationOnInputs {
  return { makeInput, run: run as (input: unknown) => unknown };
}

// So few that they are still in the processor's caches when they are used, as a request's are.
const BATCH = 256;

/** Makes a batch of inputs, and then measures what is done with them, again and again. */
export async function repeatOnInputs(
  { makeInput, run }: OperationOnInputs,
  forMs: number,
  atOnce: number,
): Promise<Run> {
  let operations = 0;
  let wallMs = 0;
  let cpuMicros = 0;
  while (wallMs < forMs) {
    const inputs = Array.from({ length: BATCH }, makeInput);
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    await (atOnce === 1 ? runInTurn(inputs, run) : runAtOnce(inputs, run, atOnce));
    const { user, system } = process.cpuUsage(cpuBefore);
    wallMs += performance.now() - startedAt;
    cpuMicros += user + system;
    operations += BATCH;
  }
  return { operations, wallMs, cpuMs: cpuMicros / 1000 };
}

async function runInTurn(inputs: Iterable<unknown>, run: (input: unknown) => unknown) {
  for (const input of inputs) {
    const result = run(input);
    if (result instanceof Promise) await result;
  }
}

// Each takes the next input as soon as it is done with one.
async function runAtOnce(
  inputs: readonly unknown[],
  run: (input: unknown) => unknown,
  atOnce: number,
) {
  const inCommon = inputs.values();
  await Promise.all(Array.from({ length: atOnce }, () => runInTurn(inCommon, run)));
}
