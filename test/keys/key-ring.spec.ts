import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { SessionEventBus } from '../../lib/index.js';
import { SigningKeyStore } from '../../lib/store/signing-key.store.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';

describe('the keys in memory', () => {
  let booted: BootedApp;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    booted = await bootApp();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    await booted.close();
  });

  it('are as old as the moment at which their reading began, and an older reading changes nothing', async () => {
    const gates: (() => void)[] = [];
    const { findAll } = SigningKeyStore.prototype;
    vi.spyOn(SigningKeyStore.prototype, 'findAll').mockImplementation(async function (
      this: SigningKeyStore,
    ) {
      await new Promise<void>((resolve) => gates.push(resolve));
      return findAll.call(this);
    });
    const keys = booted.app.get(KeyRing);
    const first = keys.reloadForUnknownKey();
    booted.clock.advanceMs(1_000);
    gates.shift()?.();
    await first;
    expect(keys.ageMs).toBe(1_000);
    booted.clock.advanceMs(10_000);
    const slow = keys.reloadForUnknownKey();
    booted.clock.advanceMs(2_000);
    const quick = keys.addRefreshTokenSecret();
    await vi.waitFor(() => expect(gates).toHaveLength(2));
    gates.pop()?.();
    await vi.waitFor(() => expect(gates).toHaveLength(2));
    gates.pop()?.();
    await quick;
    gates.shift()?.();
    await slow;
    expect(keys.ageMs).toBe(0);
  });

  it('are read once for all who ask for an unknown one at the same time, and each of them waits', async () => {
    const findAll = vi.spyOn(SigningKeyStore.prototype, 'findAll');
    let open = (): void => undefined;
    findAll.mockImplementationOnce(async function (this: SigningKeyStore) {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      return this.findAll();
    });
    const keys = booted.app.get(KeyRing);
    const done: number[] = [];
    const askers = [1, 2, 3].map((each) =>
      keys.reloadForUnknownKey().then(() => void done.push(each)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    open();
    await Promise.all(askers);
    expect(done).toEqual([1, 2, 3]);
    // The one that the gate held, and its own call.
    expect(findAll).toHaveBeenCalledTimes(2);
  });

  it('rotate where nothing is signed, so that the signing key gets no older than its interval', async () => {
    const keys = booted.app.get(KeyRing);
    const day = 24 * 60 * 60_000;
    const [first] = keys.accessTokenKeyIds();
    booted.clock.advanceMs(7 * day - 60_001);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(keys.accessTokenKeyIds()).toEqual([first]);
    booted.clock.advanceMs(1);
    await vi.advanceTimersByTimeAsync(6_000);
    await vi.waitFor(() => expect(keys.accessTokenKeyIds()).toHaveLength(2));
    booted.clock.advanceMs(60_000);
    expect(keys.signingKeyAgeMs).toBe(0);
  });

  it('wait at the end for the next one that is being made', async () => {
    const events = booted.app.get(SessionEventBus);
    const made: string[] = [];
    events.on('keyMade', ({ kind }) => void made.push(kind));
    const keys = booted.app.get(KeyRing);
    booted.clock.advanceMs(7 * 24 * 60 * 60_000);
    const reading = keys.reloadTask.runNow();
    await keys.stop();
    await reading;
    expect(made).toEqual(['dynamic']);
  });

  it('are let go of once the reading that is under way has ended', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { findAll } = SigningKeyStore.prototype;
    vi.spyOn(SigningKeyStore.prototype, 'findAll').mockImplementationOnce(async function (
      this: SigningKeyStore,
    ) {
      await gate;
      return findAll.call(this);
    });
    await vi.advanceTimersByTimeAsync(10_000);
    const order: string[] = [];
    const stopped = booted.app
      .get(KeyRing)
      .stop()
      .then(() => order.push('stopped'));
    await vi.advanceTimersByTimeAsync(1_000);
    order.push('read');
    open();
    await stopped;
    expect(order).toEqual(['read', 'stopped']);
  });
});
