import { describe, expect, it } from 'vitest';
import { deviceOf } from '../../../lib/http/context/device-reader.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';

function keptOf(
  device: { ip?: boolean; userAgent?: boolean },
  ip: string | undefined,
  userAgent?: string,
) {
  const options = resolveSessionOptions({ device }, { production: false });
  const headers = userAgent === undefined ? {} : { 'user-agent': userAgent };
  return deviceOf({ method: 'POST', headers, ip }, options);
}

describe('what is kept of a client', () => {
  it('is nothing unless it is asked for', () => {
    expect(keptOf({}, '192.0.2.1', 'Mozilla/5.0')).toEqual({ ip: null, userAgent: null });
  });

  it('is its address, or its browser, or both', () => {
    expect(keptOf({ ip: true }, '192.0.2.1', 'x')).toEqual({ ip: '192.0.2.1', userAgent: null });
    expect(keptOf({ userAgent: true }, '::1', 'x')).toEqual({ ip: null, userAgent: 'x' });
    expect(keptOf({ ip: true, userAgent: true }, '::1', 'x')).toEqual({
      ip: '::1',
      userAgent: 'x',
    });
  });

  it('is nothing where the client says nothing', () => {
    expect(keptOf({ ip: true, userAgent: true }, undefined)).toEqual({ ip: null, userAgent: null });
  });

  it('is one line that fits its column, whatever the client says', () => {
    const { userAgent } = keptOf(
      { userAgent: true },
      undefined,
      `a\u0000\u001b[31m\t${'x'.repeat(300)}`,
    );
    expect(userAgent).toBe(`a  [31m ${'x'.repeat(248)}`);
  });
});
