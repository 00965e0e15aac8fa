import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSessionEventName } from '../../lib/events/session-events.js';
import { bootApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { send } from '../support/http-client.js';
import { LoginController } from '../support/login.controller.js';

const ROOT = join(import.meta.dirname, '../..');

describe('what docs/events.md shows', () => {
  const files = new DocFiles('events.md');
  beforeAll(() => files.write());
  afterAll(() => files.remove());

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual(['theft-alarm.ts', 'new-browser.ts']);
    expect(files.problems()).toBe('');
  });

  it('names every event, and none that there is not', () => {
    const page = readFileSync(join(ROOT, 'docs/events.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (`.*?)\|/gm)].map(([, cell = '']) => cell);
    const named = rows.flatMap((cell) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    );
    expect(named.filter((name) => !isSessionEventName(name))).toEqual([]);
    const code = readFileSync(join(ROOT, 'lib/events/session-events.ts'), 'utf8');
    const known = [...code.matchAll(/^ {2}(\w+): true,$/gm)].map(([, name = '']) => name);
    expect(named.toSorted()).toEqual(known.toSorted());
  });

  it('tells of a theft', async () => {
    const { TheftAlarm } =
      await files.load<Record<string, Type<{ warned: string[] }>>>('theft-alarm.ts');
    if (TheftAlarm === undefined) throw new Error('docs/events.md has no TheftAlarm');
    const booted = await bootApp({ controllers: [LoginController], providers: [TheftAlarm] });
    const client = booted.client();
    await client.post('/login', { userId: 'ada' });
    const stolen = await client.cookie('sRefreshToken');
    await client.post('/auth/session/refresh');
    await client.post('/auth/session/refresh');
    booted.clock.advanceMs(60_000);
    const answer = await send(`${booted.url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${stolen}` },
    });
    expect(answer.json).toEqual({
      statusCode: 401,
      code: 'TOKEN_THEFT_DETECTED',
      message: 'token theft detected',
    });
    await expect.poll(() => booted.app.get(TheftAlarm).warned).toEqual(['ada']);
    await booted.close();
  });

  it('tells of a browser that the user has not had before, at a login', async () => {
    const { NewBrowserMail } =
      await files.load<Record<string, Type<{ mails: string[] }>>>('new-browser.ts');
    if (NewBrowserMail === undefined) throw new Error('docs/events.md has no NewBrowserMail');
    const booted = await bootApp({
      controllers: [LoginController],
      providers: [NewBrowserMail],
      sessions: { device: { userAgent: true } },
    });
    const { mails } = booted.app.get(NewBrowserMail);
    const logIn = async (userAgent: string): Promise<void> => {
      const headers = { 'user-agent': userAgent };
      await booted.client().post('/login', { userId: 'ada' }, { headers });
    };
    const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/';
    const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    await logIn(`${chrome}140.0.0.0 Safari/537.36`);
    await logIn(`${chrome}141.0.0.0 Safari/537.36`);
    await logIn(firefox);
    await expect.poll(() => mails).toEqual(['ada: Firefox on Linux']);
    await booted.close();
  });
});
