import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, type SessionContainer } from '../../lib/index.js';
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

  const logIn = (length: number, userId: string) =>
    sessions.createNewSessionWithoutRequestResponse('public', userId, { text: 'x'.repeat(length) });

  /** The refreshed session of the largest payload that a login takes. */
  async function largestRefreshed(userId: string): Promise<SessionContainer> {
    let fits = 1_000;
    for (let step = 1_024; step >= 1; step /= 2) {
      const isTaken = await logIn(fits + step, userId).then(
        () => true,
        () => false,
      );
      if (isTaken) fits += step;
    }
    await expect(logIn(fits + 1, userId)).rejects.toMatchObject({ code: 'SESSION_INPUT' });
    const { refreshToken = '' } = (await logIn(fits, userId)).getAllSessionTokensDangerously();
    return sessions.refreshSessionWithoutRequestResponse(refreshToken);
  }

  it('fits into its cookie after a refresh too, and one byte more is refused', async () => {
    const refreshed = await largestRefreshed('u');
    const [header = '', payload = '', signature = ''] = refreshed.getAccessToken().split('.');
    const cookieWith = (more: number) =>
      `${COOKIE_NAME}${header}..${signature}`.length +
      Math.ceil(((Buffer.from(payload, 'base64url').length + more) * 4) / 3);
    expect(cookieWith(0)).toBeLessThanOrEqual(LONGEST_COOKIE);
    expect(cookieWith(1)).toBeGreaterThan(LONGEST_COOKIE);
  });

  it('of a user with a long id, whom the front token names twice, fits after a refresh too', async () => {
    const refreshed = await largestRefreshed('u'.repeat(255));
    const { frontToken } = refreshed.getAllSessionTokensDangerously();
    const cookie = `${COOKIE_NAME}${frontToken}`.length;
    expect(cookie).toBeLessThanOrEqual(LONGEST_COOKIE);
    // Base64 grows by four characters.
    expect(cookie).toBeGreaterThan(LONGEST_COOKIE - 4);
  });
});
