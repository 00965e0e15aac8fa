import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';

const LONGEST_COOKIE = 4_096;
const COOKIE_NAME = '__Host-sAccessToken';

describe('the largest payload of an access token', () => {
  let booted: BootedApp;
  let sessions: SessionService;
  beforeAll(async () => {
    booted = await bootApp();
    sessions = booted.app.get(SessionService);
  });
  afterAll(() => booted.close());

  const logIn = (length: number) =>
    sessions.createNewSessionWithoutRequestResponse('public', 'u', { text: 'x'.repeat(length) });

  it('fits into its cookie after a refresh too, and one byte more is refused', async () => {
    let fits = 1_000;
    for (let step = 1_024; step >= 1; step /= 2) {
      const isTaken = await logIn(fits + step).then(
        () => true,
        () => false,
      );
      if (isTaken) fits += step;
    }
    await expect(logIn(fits + 1)).rejects.toMatchObject({ code: 'SESSION_INPUT' });

    const { refreshToken = '' } = (await logIn(fits)).getAllSessionTokensDangerously();
    const refreshed = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
    const [header = '', payload = '', signature = ''] = refreshed.getAccessToken().split('.');
    const cookieWith = (more: number) =>
      `${COOKIE_NAME}${header}..${signature}`.length +
      Math.ceil(((Buffer.from(payload, 'base64url').length + more) * 4) / 3);
    expect(cookieWith(0)).toBeLessThanOrEqual(LONGEST_COOKIE);
    expect(cookieWith(1)).toBeGreaterThan(LONGEST_COOKIE);
  });
});
