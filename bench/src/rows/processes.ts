import { Contender } from '../contender.js';
import { createDatabase, ENGINE_NAMES, presentEngines } from '../databases.js';
import type { Run } from '../operation.js';
import { median } from '../rounds.js';
import type { Settings } from '../settings.js';
import { plain, type Line } from '../table.js';

const AT_ONCE = 16;
const WARM_UP_MS = 6_000;
const ROUND_MS = 2_000;

/** What a second process on the same database adds, on this machine's cores, which the database uses too. */
export async function measureProcesses(settings: Settings): Promise<Line[]> {
  const engines = (await presentEngines(settings.engines)).filter((each) => each !== 'sqlite');
  const lines: Line[] = [];
  for (const engine of engines) {
    for (const what of ['create', 'refresh'] as const) {
      const database = await createDatabase(engine);
      const place = { engine, at: database.at };
      const processes = [1, 2].map((number) => Contender.start(`ours: ${number}`, 'our-sessions'));
      for (const each of processes) {
        await each.ask('prepare', place, what, AT_ONCE);
        await each.run(WARM_UP_MS, AT_ONCE);
      }
      const alone: number[] = [];
      const together: number[] = [];
      for (let round = 0; round < settings.rounds; round += 1) {
        const one = processes[round % 2];
        if (one !== undefined) alone.push(perSecond([await one.run(ROUND_MS, AT_ONCE)]));
        together.push(
          perSecond(await Promise.all(processes.map((each) => each.run(ROUND_MS, AT_ONCE)))),
        );
      }
      await Promise.all(processes.map((each) => each.stop()));
      await database.drop();
      const title = `${what}, ${ENGINE_NAMES[engine]}, ${AT_ONCE} at once in each process`;
      lines.push(
        plain(`${title}: one process`, median(alone), 'a second'),
        plain(`${title}: two processes`, median(together), 'a second'),
      );
    }
  }
  return lines;
}

function perSecond(runs: readonly Run[]): number {
  return runs.reduce((sum, { operations, wallMs }) => sum + (1000 * operations) / wallMs, 0);
}
