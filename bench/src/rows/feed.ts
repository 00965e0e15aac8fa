import { setTimeout as pause } from 'node:timers/promises';
import { Contender } from '../contender.js';
import { plain, type Line } from '../table.js';

const SERVICES = 1_000;
const WARM_UP_SECONDS = 15;
const SECONDS = 20;
const MOST_OF_A_CORE = 10;
const SECRET = 'a-secret-of-the-benchmark-of-no-use-elsewhere';

const WAYS = [
  ['waiting', 'wait for news, as the module does, with a second between two polls', MOST_OF_A_CORE],
  ['asking', 'ask once a second without waiting', undefined],
] as const;

/** What services without a database cost their issuer. */
export async function measureFeed(): Promise<Line[]> {
  return [...(await measureOn('fastify')), ...(await measureOn('express'))];
}

async function measureOn(platform: 'express' | 'fastify'): Promise<Line[]> {
  const lines: Line[] = [];
  for (const [way, says, atMost] of WAYS) {
    const issuer = Contender.start(`ours, ${platform}`, 'our-feed');
    const services = Contender.start('services', 'feed-pollers');
    const url = await issuer.ask<string>('start', platform, SECRET);
    await services.ask('start', url, SECRET, SERVICES, way);
    // By then each has its connection, and has read the whole feed.
    await pause(WARM_UP_SECONDS * 1_000);
    await issuer.ask('startCounting');
    await pause(SECONDS * 1_000);
    const { cpuMs, statements } = await issuer.ask<Counted>('counted');
    await Promise.all([services.stop(), issuer.stop()]);
    const what = `${SERVICES.toLocaleString('en')} services ${says}, ${platform}`;
    lines.push(
      plain(`${what}: of a core`, cpuMs / SECONDS / 10, '%', atMost && { atMost }),
      plain(`${what}: statements`, statements / SECONDS, 'a second'),
    );
  }
  return lines;
}

interface Counted {
  readonly cpuMs: number;
  readonly statements: number;
}
