import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answer } from '../answer.js';

// A turn of all pollers takes a second, in steps, as services were started at any time.
const STEPS = 100;
const STEP_MS = 10;

/** What a service has read. */
interface Poller {
  cursor?: string;
  etag?: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let pollers: Poller[] = [];
let feed = { url: '', secret: '' };

// Services without a database: each has its own cursor and ETag.
answer({
  start: async (url: string, secret: string, count: number) => {
    feed = { url, secret };
    pollers = Array.from({ length: count }, () => ({}));
    // The whole feed first, and then what it says when nothing is new.
    for (const turn of [1, 2]) for (const poller of pollers) await poll(poller, turn);
  },

  /** Once a second, for so many seconds. */
  poll: async (seconds: number) => {
    const polls: Promise<void>[] = [];
    for (let turn = 0; turn < seconds; turn += 1) {
      const beganAt = performance.now();
      for (let step = 0; step < STEPS; step += 1) {
        for (let index = step; index < pollers.length; index += STEPS) {
          polls.push(poll(pollers[index] ?? {}, turn));
        }
        await pause(Math.max(0, beganAt + (step + 1) * STEP_MS - performance.now()));
      }
    }
    await Promise.all(polls);
  },
});

function poll(poller: Poller, turn: number): Promise<void> {
  const url = new URL(feed.url);
  if (poller.cursor !== undefined) url.searchParams.set('cursor', poller.cursor);
  const headers = {
    authorization: `Bearer ${feed.secret}`,
    ...(poller.etag === undefined ? {} : { 'if-none-match': poller.etag }),
  };
  return new Promise((resolve, reject) => {
    get(url, { agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: answered } = response;
        if (statusCode !== 200 && statusCode !== 304) {
          reject(new Error(`poll ${turn} was answered with ${statusCode}`));
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
