import { afterEach, describe, expect, it } from 'vitest';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { SdkApi } from '../support/sdk-api.js';

describe.each(platforms)('what docs/frontend.md says to set, on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it.each([
    [401, []],
    [201, ['https://app.example.com']],
  ])(
    'a browser that sends no Sec-Fetch-Site gets %i with trustedOrigins %j',
    async (status, origins) => {
      booted = await bootApp({
        platform,
        controllers: [SdkApi],
        sessions: { trustedOrigins: origins },
      });
      const client = booted.client('https://api.example.com');
      await client.post('/login', { userId: 'u1' });
      const headers = { origin: 'https://app.example.com' };
      expect((await client.post('/me', undefined, { headers })).status).toBe(status);
    },
  );

  it('the routes follow the global prefix of the application', async () => {
    booted = await bootApp({
      platform,
      controllers: [SdkApi],
      prepare: (app) => void app.setGlobalPrefix('api'),
    });
    const client = booted.client();
    await client.post('/api/login', { userId: 'u1' });
    expect((await client.post('/api/auth/session/refresh')).status).toBe(200);
    expect((await client.post('/api/auth/signout')).json).toEqual({ status: 'OK' });
  });
});
