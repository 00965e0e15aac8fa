import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Question } from './answer.js';
import type { Run } from './operation.js';

/** A program that takes part: a process of its own, asked by messages. */
export class Contender {
  private questions = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  private constructor(
    /** What the table calls it, with its version where it has one. */
    readonly name: string,
    private readonly process: ChildProcess,
  ) {
    process.on('message', (answer: Answer) => this.waiting.get(answer.id)?.(answer));
    process.on('exit', (code) => {
      for (const [id, settle] of this.waiting) settle({ id, error: `${name} ended with ${code}` });
    });
  }

  /** @param program the name of a file in programs/ */
  static start(name: string, program: string, nodeOptions: readonly string[] = []): Contender {
    const path = fileURLToPath(new URL(`./programs/${program}.js`, import.meta.url));
    const execArgv = [...nodeOptions, ...profilerOptions(name)];
    return new Contender(name, fork(path, { execArgv, serialization: 'advanced' }));
  }

  async ask<T = void>(name: string, ...parameters: unknown[]): Promise<T> {
    const id = (this.questions += 1);
    const answer = await new Promise<Answer>((settle) => {
      this.waiting.set(id, settle);
      this.process.send({ id, name, parameters } satisfies Question);
    });
    this.waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
    return answer.value as T;
  }

  /**
   * Repeats its operation for a while.
   *
   * @param atOnce how many are under way at any time
   * @param isEachTimed whether the run tells how long each one took
   */
  run(forMs: number, atOnce = 1, isEachTimed = false): Promise<Run> {
    return this.ask<Run>('run', forMs, atOnce, isEachTimed);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.disconnect();
    await once(this.process, 'exit');
  }
}

// `--profile=<part of a contender's name>` writes a CPU profile of it to bench/results/profiles.
function profilerOptions(name: string): string[] {
  const wanted = process.argv.find((each) => each.startsWith('--profile='))?.slice(10);
  if (wanted === undefined || !name.includes(wanted)) return [];
  return ['--cpu-prof', '--cpu-prof-dir=results/profiles'];
}
