import { afterEach, describe, expect, it, vi } from 'vitest';
import { deviceName } from '../../../lib/session/device/device-name.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

describe("a device's name", () => {
  afterEach(() => {
    vi.doUnmock('bowser');
  });

  it.each([
    [FIREFOX, 'Firefox on Linux'],
    ['', null],
    ['Mozilla', null],
    ['<script>alert(1)</script>', null],
  ])('of %o is %o', async (userAgent, name) => {
    expect(await deviceName(userAgent)).toBe(name);
  });

  it.each([
    ['is not installed', () => Promise.reject(new Error('ERR_MODULE_NOT_FOUND'))],
    ['is something else', () => Promise.resolve({ default: {} })],
  ])('is unknown where bowser %s', async (_, module) => {
    vi.doMock('bowser', module);
    expect(await deviceName(FIREFOX)).toBeNull();
  });
});
