import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  movedOn,
  NOTHING_READ,
  readCursor,
  writeCursor,
} from '../../lib/revocation/feed-cursor.js';
import { FeedLog } from '../../lib/revocation/feed-log.js';

const MINUTE = 60_000;
const NEVER = Number.MAX_SAFE_INTEGER;

describe('the log of the feed', () => {
  it('gives whoever has read nothing all lines, in pages of a size', () => {
    const log = new FeedLog('a', MINUTE);
    for (const id of ['1', '2', '3']) log.add(id, NEVER, 1_000, () => id);

    const first = log.after(NOTHING_READ, 2, 1_000);
    const second = log.after(movedOn(NOTHING_READ, 'a', first.last, 0), 2, 1_000);

    expect(first).toEqual({ texts: ['1', '2'], last: 2, more: true });
    expect(second).toEqual({ texts: ['3'], last: 3, more: false });
  });

  it('takes a line up once', () => {
    const log = new FeedLog('a', MINUTE);
    log.add('1', NEVER, 1_000, () => 'first');
    log.add('1', NEVER, 2_000, () => 'again');
    expect(log.after(NOTHING_READ, 9, 2_000).texts).toEqual(['first']);
  });

  it('gives an instance’s own reader what it has learned since, however old a line says it is', () => {
    const log = new FeedLog('a', MINUTE);
    log.add('early', NEVER, 1_000, () => 'early');
    const cursor = movedOn(NOTHING_READ, 'a', 1, 900 * MINUTE);
    log.add('late', NEVER, 2_000, () => 'late');
    expect(log.after(cursor, 9, 2_000).texts).toEqual(['late']);
  });

  it('gives the reader of another instance what it learned shortly before, and nothing older', () => {
    const log = new FeedLog('b', MINUTE);
    log.add('old', NEVER, 0, () => 'old');
    log.add('recent', NEVER, 9 * MINUTE, () => 'recent');
    const cursor = movedOn(NOTHING_READ, 'a', 7, 10 * MINUTE);
    expect(log.after(cursor, 9, 10 * MINUTE).texts).toEqual(['recent']);
  });

  it('gives all to a cursor of a time that has not come', () => {
    const log = new FeedLog('b', MINUTE);
    log.add('1', NEVER, 0, () => '1');
    expect(log.after(movedOn(NOTHING_READ, 'a', 7, 90 * MINUTE), 9, 10 * MINUTE).texts).toEqual([
      '1',
    ]);
  });

  it('keeps the order in which lines were learned when the clock goes back', () => {
    const log = new FeedLog('b', MINUTE);
    log.add('1', NEVER, 10 * MINUTE, () => '1');
    log.add('2', NEVER, 0, () => '2');
    const cursor = movedOn(NOTHING_READ, 'a', 7, 10 * MINUTE);
    expect(log.after(cursor, 9, 10 * MINUTE).texts).toEqual(['1', '2']);
  });

  it('forgets expired lines, and takes them up again where they are told again', () => {
    const log = new FeedLog('a', MINUTE);
    log.add('1', 5_000, 1_000, () => '1');
    log.forgetExpired(5_000);
    expect(log.size).toBe(0);
  });

  it('never skips a line for a reader who is sent from instance to instance', () => {
    const step = fc.record({ by: fc.nat(2), line: fc.nat(11), reads: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const logs = ['a', 'b', 'c'].map((name) => new FeedLog(name, 0));
        const learned = logs.map(() => new Set<string>());
        const known = new Set<string>();
        let cursor = NOTHING_READ;
        for (const { by, line, reads } of steps) {
          const log = logs[by] ?? new FeedLog('none', 0);
          if (!reads) {
            log.add(String(line), NEVER, 1_000, () => String(line));
            learned[by]?.add(String(line));
            continue;
          }
          for (let more = true; more;) {
            const page = log.after(cursor, 2, 1_000);
            for (const text of page.texts) known.add(text);
            cursor = movedOn(cursor, log.instance, page.last, 0);
            ({ more } = page);
          }
          expect([...(learned[by] ?? [])].filter((each) => !known.has(each))).toEqual([]);
        }
      }),
    );
  });
});

describe('a cursor', () => {
  const cursor = movedOn(movedOn(NOTHING_READ, 'a', 3, 1_000), 'b', 5, 2_000);

  it('is read as it was written', () => {
    expect(readCursor(writeCursor(cursor, 'realm'), 'realm')).toEqual(cursor);
  });

  it('of another kind of sessions is none', () => {
    expect(readCursor(writeCursor(cursor, 'realm'), 'other')).toEqual(NOTHING_READ);
  });

  it('stays short behind any number of instances, and forgets the one that was asked least recently', () => {
    let long = NOTHING_READ;
    for (let i = 0; i < 100; i += 1) long = movedOn(long, `instance-${i}`, i, 0);
    const text = writeCursor(long, '');
    expect(text.length).toBeLessThan(2_048);
    expect([...readCursor(text, '').read.keys()].at(-1)).toBe('instance-99');
    expect(readCursor(text, '').read.has('instance-0')).toBe(false);
  });

  it('of any other form has read nothing', () => {
    const forms = [
      '',
      'x',
      '%%',
      'W10',
      Buffer.from('[1,"",-1]').toString('base64url'),
      'a'.repeat(5_000),
    ];
    for (const text of [...forms, undefined, null, 7, ['a'], { a: 1 }]) {
      expect(readCursor(text, '')).toEqual(NOTHING_READ);
    }
    fc.assert(fc.property(fc.string(), (text) => readCursor(text, '') === NOTHING_READ));
  });
});
