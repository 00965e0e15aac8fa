import { Contender } from '../contender.js';
import { plain, type Line } from '../table.js';

const SERVICES = 1_000;
const SECONDS = 15;
const MOST_OF_A_CORE = 10;
const SECRET = 'a-secret-of-the-benchmark-of-no-use-elsewhere';

/** What services without a database cost their issuer: each asks for the feed of revocations once a second. */
export async function measureFeed(): Promise<Line[]> {
  return [...(await measureOn('fastify')), ...(await measureOn('express'))];
}

async function measureOn(platform: 'express' | 'fastify'): Promise<Line[]> {
  const issuer = Contender.start(`ours, ${platform}`, 'our-feed');
  const services = Contender.start('services', 'feed-pollers');
  const url = await issuer.ask<string>('start', platform, SECRET);
  await services.ask('start', url, SECRET, SERVICES);
  await issuer.ask('startCounting');
  await services.ask('poll', SECONDS);
  const { cpuMs, statements } = await issuer.ask<Counted>('counted');
  await Promise.all([issuer.stop(), services.stop()]);
  const what = `${SERVICES.toLocaleString('en')} services ask for the feed once a second, ${platform}`;
  return [
    plain(`${what}: of a core`, cpuMs / SECONDS / 10, '%', { atMost: MOST_OF_A_CORE }),
    plain(`${what}: statements`, statements / SECONDS, 'a second'),
  ];
}

interface Counted {
  readonly cpuMs: number;
  readonly statements: number;
}
