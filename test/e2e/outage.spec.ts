import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Session, SessionEventBus, SessionHealth, SessionService } from '../../lib/index.js';
import { describeOnEachServer } from '../support/components.js';
import { serverUrl } from '../support/databases.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { Deployment, tokensOf, type Instance } from '../support/instances.js';

const USER = 'a-user-whom-no-log-may-name';
const UNTOUCHED = {
  status: 503,
  setCookies: [],
  json: {
    statusCode: 503,
    code: 'SESSION_STORE_UNAVAILABLE',
    message: 'session store unavailable',
  },
};
const WHEN_IT_IS_BACK = { timeout: 15_000, interval: 100 };

describeOnEachServer('an outage of the database', (server) => {
  let proxy: FaultProxy;
  let deployment: Deployment;
  let instance: Instance;
  let thefts: number;
  beforeEach(async () => {
    proxy = await FaultProxy.to(serverUrl(server));
    deployment = await Deployment.on(server, (address) => proxy.through(address));
    instance = await deployment.start({ databaseTimeout: '1s' });
    thefts = 0;
    instance.booted.app.get(SessionEventBus).on('theftDetected', () => {
      thefts += 1;
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await proxy.set('none');
    await deployment.end();
    await proxy.end();
  });

  describe.each(['refuse', 'hang', 'reset'] as const)('in which connections %s', (fault) => {
    it('answers 503 to what needs the database, leaves every cookie, and is over by itself', async () => {
      const tokens = await instance.login(USER);
      const leaving = await instance.login('another-user');
      expect((await instance.me(tokens)).status).toBe(200);
      await proxy.set(fault);

      for (const answer of [
        await instance.refresh(tokens),
        await instance.strictMe(tokens),
        await instance.signOut(leaving),
      ]) {
        expect(answer).toMatchObject(UNTOUCHED);
        expect(answer.headers['retry-after']).toBe('5');
      }
      expect((await instance.me(tokens)).status).toBe(200);
      expect(await instance.booted.app.get(SessionHealth).check()).toMatchObject({
        status: 'down',
        databaseAnswers: false,
        isFeedStale: false,
      });

      // Past `maxStaleness` nobody can tell whether the session has been revoked elsewhere.
      deployment.clock.advanceMs(61_000);
      expect(await instance.me(tokens)).toMatchObject(UNTOUCHED);

      await proxy.set('none');
      await expect
        .poll(() => instance.refresh(tokens), WHEN_IT_IS_BACK)
        .toMatchObject({ status: 200 });
      const fresh = tokensOf(await instance.refresh(tokens), tokens);
      expect(await instance.me(fresh)).toMatchObject({ status: 200, json: { userId: USER } });
      expect(thefts).toBe(0);
      const rows = instance.booted.dataSource.getRepository(Session);
      expect(await rows.countBy({ userId: USER })).toBe(1);
      expect(await instance.booted.app.get(SessionHealth).check()).toMatchObject({ status: 'up' });
    });
  });

  it('in which answers are slow is none', async () => {
    const tokens = await instance.login(USER);
    await proxy.set('slow');
    expect((await instance.strictMe(tokens)).status).toBe(200);
    const fresh = tokensOf(await instance.refresh(tokens));
    expect((await instance.me(fresh)).status).toBe(200);
  });

  it('shows nothing of a statement or its parameters in errors and logs', async () => {
    const logged: unknown[] = [];
    for (const level of ['log', 'warn', 'error', 'debug', 'verbose', 'fatal'] as const) {
      vi.spyOn(Logger.prototype, level).mockImplementation((...all: unknown[]) => {
        logged.push(...all);
      });
    }
    await instance.login(USER);
    const sessions = instance.booted.app.get(SessionService);
    const [handle = ''] = await sessions.getAllSessionHandlesForUser(USER);
    await proxy.set('reset');
    const failures = await Promise.all(
      [
        sessions.getSessionInformation(handle),
        sessions.getAllSessionHandlesForUser(USER),
        sessions.revokeSession(handle),
        sessions.revokeEverything(),
      ].map((each) => each.catch((error: unknown) => error)),
    );
    for (const failure of failures) expect(failure).toMatchObject({ status: 503 });
    const shown = inspect([failures, logged], { depth: 20, showHidden: true });
    expect(shown).not.toContain(handle);
    expect(shown).not.toContain(USER);
    expect(shown).not.toMatch(/SELECT|INSERT|DELETE|UPDATE/);
  });
});

describe('a restored backup', () => {
  it('knows nothing of the last refreshes: their tokens are refused, and nobody is taken for a thief', async () => {
    const deployment = await Deployment.on('sqlite');
    const instance = await deployment.start({ refreshGracePeriod: 0 });
    const thefts: unknown[] = [];
    instance.booted.app.get(SessionEventBus).on('theftDetected', (event) => {
      thefts.push(event);
    });
    const rows = instance.booted.dataSource.getRepository(Session);
    const first = await instance.login(USER);
    const backup = await rows.findOneByOrFail({ userId: USER });
    const second = tokensOf(await instance.refresh(first));
    const third = tokensOf(await instance.refresh(second));
    await rows.save(backup);

    const answer = await instance.refresh(third);
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' });
    expect(thefts).toEqual([]);
    expect(await rows.findOneByOrFail({ userId: USER })).toEqual(backup);
    await deployment.end();
  });
});
