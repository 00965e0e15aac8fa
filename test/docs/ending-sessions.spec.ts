import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { LoginController } from '../support/login.controller.js';

interface Passwords {
  change(userId: string, store: () => Promise<void>): Promise<void>;
}

describe('what docs/ending-sessions.md shows', () => {
  const files = new DocFiles('ending-sessions.md');
  let booted: BootedApp;
  let passwords: Passwords;

  beforeAll(async () => {
    files.write();
    const { PasswordService } =
      await files.load<Record<string, Type<Passwords>>>('password.service.ts');
    if (PasswordService === undefined) throw new Error('docs/ending-sessions.md has no service');
    booted = await bootApp({ controllers: [LoginController], providers: [PasswordService] });
    passwords = booted.app.get(PasswordService);
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual(['password.service.ts']);
    expect(files.problems()).toBe('');
  });

  it('changes a password and ends the sessions with it', async () => {
    const client = booted.client();
    await client.post('/login', { userId: 'ada' });
    await passwords.change('ada', async () => {});
    expect((await client.post('/auth/session/refresh')).status).toBe(401);
  });

  it('ends no session where the password can not be stored', async () => {
    const client = booted.client();
    await client.post('/login', { userId: 'bob' });
    const refused = passwords.change('bob', () => Promise.reject(new Error('disk full')));
    await expect(refused).rejects.toThrow('disk full');
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
  });
});
