import { describe, expect, it } from 'vitest';
import { ArrivalQueue } from '../../../lib/session/verify/arrival-queue.js';
import type { SessionRecord } from '../../../lib/store/session-record.js';
import { FakeClock } from '../../../lib/testing/index.js';

const START_MS = 1_000_000;

function given() {
  const clock = new FakeClock(START_MS);
  const written: [notes: unknown, atMs: number][] = [];
  let answer = Promise.resolve();
  const store = {
    confirm: (notes: unknown, atMs: number) => {
      written.push([notes, atMs]);
      return answer;
    },
  };
  const queue = new ArrivalQueue(store as never, clock);
  const hang = (): (() => void) => {
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => (resolve = done));
    answer = promise;
    return resolve;
  };
  return { clock, queue, written, hang };
}

const row = (parentHash: string, confirmedAtMs: number | null = null) =>
  ({ handle: 'h1', parentHash, confirmedAtMs }) as SessionRecord;

describe('the note that a refresh token has arrived', () => {
  it('has the time at which the token was first seen, however late it is written', async () => {
    const { clock, queue, written } = given();
    queue.add('h1', 'p1');
    clock.advance('31s');
    queue.add('h1', 'p1');
    await queue.flush();
    expect(written).toEqual([[[['h1', 'p1']], START_MS]]);
  });

  it('is written with others of the same moment, and apart from those of another', async () => {
    const { clock, queue, written } = given();
    queue.add('h1', 'p1');
    clock.advanceMs(40);
    queue.add('h2', 'p2');
    clock.advance('31s');
    queue.add('h3', 'p3');
    await queue.flush();
    expect(written).toEqual([
      [
        [
          ['h1', 'p1'],
          ['h2', 'p2'],
        ],
        START_MS + 40,
      ],
      [[['h3', 'p3']], START_MS + 31_040],
    ]);
  });

  it('counts before it is written and while it is, for its own generation alone', async () => {
    const { queue, hang } = given();
    queue.add('h1', 'p1');
    expect(queue.asSeen(row('p1'))).toMatchObject({ confirmedAtMs: START_MS });
    expect(queue.asSeen(row('p2'))).toMatchObject({ confirmedAtMs: null });
    expect(queue.asSeen(row('p1', 5))).toMatchObject({ confirmedAtMs: 5 });
    const answer = hang();
    const flushed = queue.flush();
    expect(queue.asSeen(row('p1'))).toMatchObject({ confirmedAtMs: START_MS });
    answer();
    await flushed;
    expect(queue.asSeen(row('p1'))).toMatchObject({ confirmedAtMs: null });
  });
});
