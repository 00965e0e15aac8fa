import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeBrowser } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { BoundController, MINUTE_MS } from '../support/bound-scene.js';
import { DocFiles } from '../support/doc-files.js';

describe('what docs/device-binding.md shows', () => {
  const files = new DocFiles('device-binding.md', {});
  let booted: BootedApp;

  beforeAll(async () => {
    files.write();
    const { PayoutController } = await files.load<Record<string, Type>>('payout.controller.ts');
    booted = await bootApp({
      controllers: [BoundController, ...(PayoutController === undefined ? [] : [PayoutController])],
      sessions: { deviceBinding: true },
    });
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  async function loggedIn(canBind: boolean): Promise<FakeBrowser> {
    const browser = new FakeBrowser({ url: booted.url, clock: booted.clock, canBind });
    await browser.send('POST', '/login', { body: { userId: 'ada' } });
    return browser;
  }

  it('compiles', () => {
    expect(files.names).toEqual(['payout.controller.ts']);
    expect(files.problems()).toBe('');
  });

  it('lets a bound session pay out, and another one not', async () => {
    const [bound, other] = [await loggedIn(true), await loggedIn(false)];
    expect((await bound.send('GET', '/safety')).text).toBe('{"isBound":true}');
    expect((await other.send('GET', '/safety')).text).toBe('{"isBound":false}');
    expect((await bound.send('POST', '/payout')).status).toBe(201);
    const refusal = await other.send('POST', '/payout');
    expect(refusal.status).toBe(403);
    expect(JSON.parse(refusal.text)).toMatchObject({ claimValidationErrors: [{ id: 'bound' }] });
  });

  it('leaves a thief with nothing after eleven minutes', async () => {
    const browser = await loggedIn(true);
    const thief = browser.stolenCookies();
    booted.clock.advanceMs(11 * MINUTE_MS);
    expect((await thief.send('GET', '/safety')).status).toBe(401);
    expect((await browser.send('GET', '/safety')).status).toBe(200);
  });
});
