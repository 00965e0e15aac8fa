import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answer } from '../answer.js';

const PAUSE_MS = 1_000;

/** What a service has read. */
interface Poller {
  cursor?: string;
  etag?: string;
}

/** `waiting`: as `SessionVerifierModule` does it, a poll waits for news as long as it may. */
type Way = 'waiting' | 'asking';

// Each service has a connection of its own, on which a held poll waits.
const agent = new Agent({ keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY });
let feed = { url: '', secret: '' };

// Services without a database: each has its own cursor and ETag.
answer({
  /** The services poll until the process ends. A failure ends it at once. */
  start: (url: string, secret: string, count: number, way: Way) => {
    feed = { url, secret };
    for (let index = 0; index < count; index += 1) void run(way, (index * 4 * PAUSE_MS) / count);
  },
});

async function run(way: Way, delayMs: number): Promise<never> {
  const poller: Poller = {};
  // They were started at any time.
  await pause(delayMs);
  for (;;) {
    await poll(poller, way === 'waiting' ? { prefer: 'wait=4' } : {});
    await pause(PAUSE_MS);
  }
}

function poll(poller: Poller, preference: Record<string, string>): Promise<void> {
  const url = new URL(feed.url);
  if (poller.cursor !== undefined) url.searchParams.set('cursor', poller.cursor);
  const headers = {
    authorization: `Bearer ${feed.secret}`,
    ...preference,
    ...(poller.etag === undefined ? {} : { 'if-none-match': poller.etag }),
  };
  return new Promise((resolve, reject) => {
    get(url, { agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: answered } = response;
        if (statusCode !== 200 && statusCode !== 304) {
          reject(new Error(`a poll was answered with ${statusCode}`));
          return;
        }
        if (answered.etag !== undefined) poller.etag = answered.etag;
        if (statusCode === 200) {
          const { cursor } = JSON.parse(Buffer.concat(chunks).toString()) as { cursor: string };
          poller.cursor = cursor;
        }
        resolve();
      });
    }).on('error', reject);
  });
}
