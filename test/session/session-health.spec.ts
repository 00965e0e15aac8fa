import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionHealth } from '../../lib/index.js';
import { Deployment } from '../support/instances.js';

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
});
