import { afterEach, beforeEach, expect, it } from 'vitest';
import { Session, SessionEventBus, SessionRevocation, SessionService } from '../../../lib/index.js';
import { newSessionHandle } from '../../../lib/tokens/session-handle.js';
import { describeOnEachDatabase } from '../../support/components.js';
import { Deployment, type Instance } from '../../support/instances.js';

describeOnEachDatabase('revoking everything on one of two instances', (engine) => {
  let deployment: Deployment;
  let here: Instance;
  let there: Instance;
  beforeEach(async () => {
    deployment = await Deployment.on(engine);
    here = await deployment.start();
    there = await deployment.start();
  });
  afterEach(() => deployment.end());

  function revokeEverything(): Promise<number> {
    return here.booted.app.get(SessionService).revokeEverything();
  }

  it('refuses every token there is: here at once, there with the next poll, and for refreshes too', async () => {
    const tokens = [await here.login('u1'), await there.login('u2'), await there.login('u2')];
    for (const each of tokens) {
      expect((await here.me(each)).status).toBe(200);
      expect((await there.me(each)).status).toBe(200);
    }
    expect(await revokeEverything()).toBe(3);
    for (const each of tokens) {
      expect((await here.me(each)).json).toEqual({
        statusCode: 401,
        code: 'TRY_REFRESH_TOKEN',
        message: 'try refresh token',
      });
      await expect.poll(() => there.me(each), { timeout: 5_000 }).toMatchObject({ status: 401 });
      expect((await there.refresh(each)).json).toEqual({
        statusCode: 401,
        code: 'UNAUTHORISED',
        message: 'unauthorised',
      });
    }
    expect(await here.booted.dataSource.getRepository(Session).count()).toBe(0);
    // However many sessions there were.
    expect(await here.booted.dataSource.getRepository(SessionRevocation).count()).toBe(2);
  });

  it('ends sessions of a time when the clock was ahead', async () => {
    deployment.clock.advanceMs(3_600_000);
    const ahead = await there.login('u1');
    deployment.clock.advanceMs(-3_600_000);
    await here.login('u2');
    expect(await revokeEverything()).toBe(2);
    expect((await there.refresh(ahead)).json).toEqual({
      statusCode: 401,
      code: 'UNAUTHORISED',
      message: 'unauthorised',
    });
    deployment.clock.advanceMs(3_600_000);
    await expect.poll(() => there.me(ahead), { timeout: 5_000 }).toMatchObject({ status: 401 });
    expect(await here.booted.dataSource.getRepository(Session).count()).toBe(0);
  });

  it('leaves a login alone that comes after it', async () => {
    await here.login('u1');
    await revokeEverything();
    deployment.clock.advanceMs(1);
    const after = await there.login('u1');
    expect((await here.me(after)).status).toBe(200);
    expect((await here.refresh(after)).status).toBe(200);
  });

  it('tells of every session that it ends', async () => {
    await here.login('u1');
    await here.login('u2');
    const reasons = new Map<string, string>();
    here.booted.app.get(SessionEventBus).on('revoked', ({ userId, reason }) => {
      reasons.set(userId, reason);
    });
    await revokeEverything();
    expect(Object.fromEntries(reasons)).toEqual({
      u1: 'revoked-everything',
      u2: 'revoked-everything',
    });
  });

  it('D7: deletes more rows than fit into one batch, and none of a later session', async () => {
    const rows = here.booted.dataSource.getRepository(Session);
    await here.login('u1');
    const row = await rows.findOneByOrFail({ userId: 'u1' });
    const nowMs = deployment.clock.now();
    const earlier = Array.from({ length: 1_200 }, (_, index) => nowMs - index);
    const later = Array.from({ length: 5 }, (_, index) => nowMs + 1_000 + index);
    const copies = [...earlier, ...later].map((createdAt) =>
      rows.merge(rows.create(), row, { handle: newSessionHandle(createdAt), createdAt }),
    );
    await rows.save(copies, { chunk: 50 });
    expect(await revokeEverything()).toBe(1_201);
    expect(await rows.count()).toBe(5);
  });
});
