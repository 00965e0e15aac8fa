import { Contender } from '../contender.js';
import { createDatabase } from '../databases.js';
import type { Settings } from '../settings.js';
import { plain, type Line } from '../table.js';

const SAMPLES = 12;
// Of thirty minutes the first ten: so long the lines of revoked sessions are kept, and their number grows.
const UNSETTLED_SAMPLES = 4;

/** A steady load of logins, refreshes, requests and sign-outs, and what the heap makes of it. */
export async function measureLeaks({ leakMinutes }: Settings): Promise<Line[]> {
  if (leakMinutes === undefined) return [];
  const database = await createDatabase('sqlite');
  const contender = Contender.start('ours', 'our-state', ['--expose-gc']);
  // Small enough to be full soon: what still grows after that is a leak.
  const options = {
    verifiedTokenCache: { max: 1_000 },
    accessTokenLifetime: '10s',
    refreshTokenLifetime: '30s',
    endedSessionRetention: 0,
    pruning: { interval: '10s' },
  };
  await contender.ask('start', { engine: 'sqlite', at: database.at }, options);
  const sampleMs = (leakMinutes * 60_000) / SAMPLES;
  const heaps: number[] = [];
  let sessions = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    sessions += await contender.ask<number>('load', sampleMs);
    heaps.push((await contender.ask<number>('heapInUse')) / 2 ** 20);
    console.log(`  ${sessions} sessions, heap ${heaps.at(-1)?.toFixed(2)} MB`);
  }
  await contender.stop();
  await database.drop();
  const settled = heaps.slice(UNSETTLED_SAMPLES);
  const half = settled.length / 2;
  const growth = mean(settled.slice(Math.ceil(half))) - mean(settled.slice(0, Math.floor(half)));
  return [
    plain(`heap that ${leakMinutes} minutes add (${sessions} sessions)`, growth, 'MB', {
      atMost: 1,
    }),
  ];
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b) / values.length;
}
