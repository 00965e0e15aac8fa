import { expect } from 'vitest';
import { HttpClient } from '../support/http-client.js';

/** What users do with sessions, from the first login to the removal of the tables. */
export async function walk(url: string): Promise<void> {
  const client = new HttpClient(url);
  await refreshAndSignOut(client);
  await changePassword(client);
  await removeTables(client);
}

async function refreshAndSignOut(client: HttpClient): Promise<void> {
  expect(await client.get('/me')).toMatchObject({ status: 401, json: { message: 'unauthorised' } });
  await logIn(client);
  expect(await client.get('/me')).toMatchObject({ status: 200, json: { userId: 'ada' } });

  const first = await accessToken(client);
  expect(first).toBeDefined();
  expect(await client.post('/auth/session/refresh')).toMatchObject({ status: 200 });
  expect(await accessToken(client)).not.toBe(first);
  expect(await client.get('/me')).toMatchObject({ status: 200, json: { userId: 'ada' } });

  expect(await client.post('/auth/signout')).toMatchObject({ status: 200, json: { status: 'OK' } });
  expect(await accessToken(client)).toBeUndefined();
  expect(await client.get('/me')).toMatchObject({ status: 401 });
}

// webpack writes NODE_ENV into its bundle, and in production cookies are Secure.
async function accessToken(client: HttpClient): Promise<string | undefined> {
  return (await client.cookie('sAccessToken')) ?? client.cookie('__Host-sAccessToken');
}

async function changePassword(client: HttpClient): Promise<void> {
  await logIn(client);
  const failed = await client.post('/password', { userId: 'ada', fails: true });
  expect(failed.json).toEqual({ changed: false });
  expect(await client.post('/auth/session/refresh')).toMatchObject({ status: 200 });

  const changed = await client.post('/password', { userId: 'ada', fails: false });
  expect(changed.json).toEqual({ changed: true });
  expect(await client.post('/auth/session/refresh')).toMatchObject({ status: 401 });
}

async function removeTables(client: HttpClient): Promise<void> {
  expect((await client.get('/health')).json).toMatchObject({
    status: 'ok',
    info: { sessions: { status: 'up' } },
  });
  expect((await client.post('/migrations/undo')).json).toEqual({ hasTable: false });
  expect((await client.post('/migrations/run')).json).toEqual({ hasTable: true });
  await logIn(client);
}

async function logIn(client: HttpClient): Promise<void> {
  expect(await client.post('/login', { userId: 'ada' })).toMatchObject({
    status: 201,
    text: 'ada',
  });
}
