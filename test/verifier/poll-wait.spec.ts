import { describe, expect, it } from 'vitest';
import { waitSeconds } from '../../lib/verifier/poll-wait.js';

const SECOND = 1_000;

describe('the time for which a poll waits for news', () => {
  it.each([
    ['by default', 5, 2, 60, 4],
    ['never beyond the time limit of a request', 3, 2, 60, 2],
    ['not at all within a short one', 1.9, 2, 60, 0],
    ['within what the age of the news allows', 5, 2, 10, 2],
    ['not at all where a poll comes as late as it may', 5, 20, 22, 0],
    ['not at all where little time is left', 5, 6, 8, 0],
    ['as usual where the news may have any age', 5, 2, false, 4],
    ['no longer where a request may take longer', 60, 2, 600, 4],
  ] as const)('is right %s', (_, timeout, pollInterval, maxStaleness, seconds) => {
    const revocations = {
      secret: 'secret',
      pollIntervalMs: pollInterval * SECOND,
      maxStalenessMs: maxStaleness && maxStaleness * SECOND,
    };
    expect(waitSeconds({ revocations, requestTimeoutMs: timeout * SECOND })).toBe(seconds);
  });

  it('is none without the feed', () => {
    expect(waitSeconds({ revocations: false, requestTimeoutMs: 5_000 })).toBe(0);
  });
});
