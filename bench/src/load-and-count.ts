import type { Contender } from './contender.js';
import { load, type RequestLine } from './load.js';
import type { Run } from './operation.js';

/** Sends requests to a server, which counts the CPU time that they cost it. */
export async function loadAndCount(
  contender: Contender,
  server: Omit<RequestLine, 'path'> | undefined,
  path: string,
  forMs: number,
): Promise<Run> {
  if (server === undefined) throw new Error(`${contender.name} has not started`);
  await contender.ask('startCounting');
  const startedAt = performance.now();
  const operations = await load({ ...server, path }, forMs);
  const wallMs = performance.now() - startedAt;
  return { operations, wallMs, cpuMs: await contender.ask<number>('cpuMs') };
}
