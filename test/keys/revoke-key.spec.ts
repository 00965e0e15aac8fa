import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Session, SessionService, SessionSigningKey } from '../../lib/index.js';
import { describeOnEachDatabase } from '../support/components.js';
import { Deployment, tokensOf, type Instance, type Tokens } from '../support/instances.js';

// So short that every instance reads the keys once a second; with the clock standing still none is replaced.
const signing = { rotationInterval: '10s' } as const;
const WITHIN_ONE_READING = { timeout: 5_000, interval: 50 };

function kidOf({ accessToken }: Tokens): string {
  return decodeProtectedHeader(accessToken).kid ?? '';
}

function sessionsOf({ booted }: Instance): SessionService {
  return booted.app.get(SessionService);
}

function kidsOf(instance: Instance): string[] {
  return sessionsOf(instance)
    .getJWKS()
    .keys.map(({ kid }) => kid);
}

async function secretsOf({ booted }: Instance): Promise<string[]> {
  const rows = await booted.dataSource.getRepository(SessionSigningKey).findBy({ kind: 'mac' });
  return rows.map(({ kid }) => kid);
}

/** Has the keys read again, as happens every few seconds. */
async function readKeys(instance: Instance): Promise<void> {
  await sessionsOf(instance).revokeKey('d-0123456789abcdef');
}

describeOnEachDatabase('a key that is revoked on one of two instances', (engine) => {
  let deployment: Deployment;
  let here: Instance;
  let there: Instance;
  beforeEach(async () => {
    deployment = await Deployment.on(engine);
    here = await deployment.start({ signing });
    there = await deployment.start({ signing });
  });
  afterEach(() => deployment.end());

  it('K4: refuses its access tokens, remembered ones too, and a refresh gives one of the new key', async () => {
    const tokens = await here.login('u1');
    expect((await here.me(tokens)).status).toBe(200);
    expect((await there.me(tokens)).status).toBe(200);

    expect(await sessionsOf(here).revokeKey(kidOf(tokens))).toBe(true);
    const refused = await here.me(tokens);
    expect(refused.status).toBe(401);
    expect(refused.json).toEqual({
      statusCode: 401,
      code: 'TRY_REFRESH_TOKEN',
      message: 'try refresh token',
    });
    expect(refused.setCookies).toEqual([]);
    await expect
      .poll(() => there.me(tokens), WITHIN_ONE_READING)
      .toMatchObject({ status: 401, setCookies: [] });

    const fresh = tokensOf(await there.refresh(tokens));
    expect(kidOf(fresh)).not.toBe(kidOf(tokens));
    expect((await here.me(fresh)).status).toBe(200);
    expect((await there.me(fresh)).status).toBe(200);
    expect(kidsOf(here)).toEqual([kidOf(fresh)]);
    expect(await here.booted.dataSource.getRepository(Session).count()).toBe(1);
  });

  it('ends the refresh tokens of a secret, clears nothing, and lets users log in again', async () => {
    const tokens = await here.login('u1');
    await there.refresh(tokens);
    const [secret = ''] = await secretsOf(here);

    expect(await sessionsOf(here).revokeKey(secret)).toBe(true);
    expect(await here.refresh(tokens)).toMatchObject({ status: 401, setCookies: [] });
    await expect
      .poll(() => there.refresh(tokens), WITHIN_ONE_READING)
      .toMatchObject({ status: 401, setCookies: [] });
    // Until it expires the access token still serves.
    expect((await there.me(tokens)).status).toBe(200);

    const again = await here.login('u1');
    expect((await there.refresh(again)).status).toBe(200);
    expect(await secretsOf(here)).not.toContain(secret);
  });

  it('can be a secret that another has followed, and then logs out nobody who has refreshed since', async () => {
    const tokens = await here.login('u1');
    const idle = await here.login('u2');
    const [former = ''] = await secretsOf(here);
    const added = await sessionsOf(here).addRefreshTokenSecret();
    expect(await secretsOf(here)).toEqual(expect.arrayContaining([former, added]));

    // A secret is in use a while after it was made, when every instance has read it.
    deployment.clock.advanceMs(2_000);
    const fresh = tokensOf(await here.refresh(tokens));
    await expect
      .poll(() => there.refresh(fresh), WITHIN_ONE_READING)
      .toMatchObject({ status: 200 });
    expect(await sessionsOf(here).revokeKey(former)).toBe(true);
    expect((await here.refresh(fresh)).status).toBe(200);
    expect((await here.refresh(idle)).status).toBe(401);
  });

  it.each(['dynamic', 'mac'])(
    'K6: stays out of use on both where somebody puts its row back (%s)',
    async (kind) => {
      const tokens = await here.login('u1');
      await there.refresh(tokens);
      const keys = here.booted.dataSource.getRepository(SessionSigningKey);
      const row = await keys.findOneByOrFail({ kind });
      const use = (instance: Instance): Promise<{ status: number }> =>
        kind === 'mac' ? instance.refresh(tokens) : instance.me(tokens);
      expect(await sessionsOf(here).revokeKey(row.kid)).toBe(true);
      // Before the other instance has read the keys, and after.
      await keys.insert(row);
      await readKeys(here);
      expect((await use(here)).status).toBe(401);
      await keys.delete({ kid: row.kid });
      await expect.poll(() => use(there), WITHIN_ONE_READING).toMatchObject({ status: 401 });
      await keys.insert(row);
      for (const instance of [here, there, here, there]) {
        await readKeys(instance);
        expect((await use(instance)).status).toBe(401);
        expect(kidsOf(instance)).not.toContain(row.kid);
      }
      const again = await here.login('u2');
      expect((await there.me(again)).status).toBe(200);
      expect((await there.refresh(again)).status).toBe(200);
    },
  );

  it('is told apart from one that is not there', async () => {
    await here.login('u1');
    expect(await sessionsOf(here).revokeKey('d-0123456789abcdef')).toBe(false);
    expect(await sessionsOf(here).revokeKey('')).toBe(false);
    expect(kidsOf(here)).toHaveLength(1);
  });

  it('settles on one key where both instances revoke it at once', async () => {
    const tokens = await here.login('u1');
    const outcomes = await Promise.all(
      [here, there].map((each) => sessionsOf(each).revokeKey(kidOf(tokens))),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const fresh = tokensOf(await here.refresh(tokens));
    await expect.poll(() => there.me(fresh), WITHIN_ONE_READING).toMatchObject({ status: 200 });
  });
});

describe('the key after the one that is revoked', () => {
  let deployment: Deployment;
  let instance: Instance;
  beforeEach(async () => {
    deployment = await Deployment.on('sqlite');
    instance = await deployment.start({
      accessTokenLifetime: '1m',
      signing: { rotationInterval: '1h' },
    });
  });
  afterEach(() => deployment.end());

  it('is a new one, and never one whose time was over', async () => {
    const first = kidOf(await instance.login('u1'));
    deployment.clock.advanceMs(3_600_000);
    await instance.login('u1');
    await expect.poll(() => kidsOf(instance)).toHaveLength(2);
    deployment.clock.advanceMs(600_000);
    const second = kidOf(await instance.login('u1'));
    expect(second).not.toBe(first);

    await sessionsOf(instance).revokeKey(second);
    const [third, ...others] = kidsOf(instance);
    expect(others).toEqual([]);
    expect([first, second]).not.toContain(third);
  });

  it('is made in its time where the revoked one was not in use yet', async () => {
    const first = kidOf(await instance.login('u1'));
    deployment.clock.advanceMs(3_600_000);
    await instance.login('u1');
    await expect.poll(() => kidsOf(instance)).toHaveLength(2);
    const [published] = kidsOf(instance).filter((kid) => kid !== first);
    await sessionsOf(instance).revokeKey(published ?? '');
    expect(kidsOf(instance)).toEqual([first]);
    expect(kidOf(await instance.login('u1'))).toBe(first);
  });

  it('leaves no row of a key behind whose time is over', async () => {
    const first = kidOf(await instance.login('u1'));
    for (const hour of [1, 2, 3]) {
      deployment.clock.advanceMs(3_600_000);
      await instance.login(`u${hour}`);
      await expect.poll(() => kidsOf(instance)).toHaveLength(2);
    }
    const rows = await instance.booted.dataSource.getRepository(SessionSigningKey).find();
    const dynamic = rows.filter(({ kind }) => kind === 'dynamic').map(({ kid }) => kid);
    expect(dynamic).toHaveLength(2);
    expect(dynamic).not.toContain(first);
  });
});
