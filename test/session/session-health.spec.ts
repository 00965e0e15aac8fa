import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionHealth } from '../../lib/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Deployment, tokensOf } from '../support/instances.js';

describe('the health of the sessions', () => {
  let deployment: Deployment;
  beforeEach(async () => {
    deployment = await Deployment.on('sqlite');
  });
  afterEach(() => deployment.end());

  it('is up while the database answers, with the ages of what is held in memory', async () => {
    const instance = await deployment.start();
    const health = instance.booted.app.get(SessionHealth);
    expect(await health.check()).toEqual({
      status: 'up',
      databaseAnswers: true,
      feedAgeMs: 0,
      isFeedStale: false,
      areKeysReadable: true,
      keysAgeMs: 0,
      signingKeyAgeMs: 0,
    });
    deployment.clock.advanceMs(5_000);
    expect(await health.check()).toMatchObject({ signingKeyAgeMs: 5_000 });
  });

  it('has no age of a feed that is off', async () => {
    const instance = await deployment.start({ revocation: false });
    expect(await instance.booted.app.get(SessionHealth).check()).toMatchObject({
      status: 'up',
      feedAgeMs: null,
      isFeedStale: false,
    });
  });

  it('is down once the database is gone, and says so without an error', async () => {
    const instance = await deployment.start();
    await instance.booted.dataSource.destroy();
    expect(await instance.booted.app.get(SessionHealth).check()).toMatchObject({
      status: 'down',
      databaseAnswers: false,
    });
    await instance.booted.dataSource.initialize();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('full'))],
  ] satisfies [string, () => unknown][] as [string, () => void][])(
    'lets no login or refresh fail by a listener that %s, and says so once',
    async (_, listener) => {
      const instance = await deployment.start();
      const log = new LogRecorder();
      log.record(instance.booted.app);
      const stop = instance.booted.app.get(SessionHealth).onStatement(listener);
      const login = await instance.tryLogin('alice');
      expect(login.status).toBe(201);
      expect((await instance.refresh(tokensOf(login))).status).toBe(200);
      expect(log.texts('error')).toEqual(['A listener of `onStatement` failed']);
      stop();
    },
  );

  it('ends a subscription by its own function alone, and no later one', async () => {
    const instance = await deployment.start();
    const health = instance.booted.app.get(SessionHealth);
    const told: string[] = [];
    const ends = [1, 2].map((each) => [
      health.onStatement(() => told.push(`statement ${each}`)),
      health.onRefusal(() => told.push(`refusal ${each}`)),
    ]);
    const askAll = async (): Promise<string[]> => {
      told.length = 0;
      await instance.tryLogin('alice');
      await instance.booted.client().get('/me');
      return [...new Set(told)];
    };
    ends[0]?.forEach((end) => end());
    expect(await askAll()).toEqual(['statement 2', 'refusal 2']);
    ends[1]?.forEach((end) => end());
    expect(await askAll()).toEqual([]);
  });
});
