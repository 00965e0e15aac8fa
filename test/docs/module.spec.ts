import type { Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { bootApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';

describe('what docs/module.md shows', () => {
  const files = new DocFiles('module.md');
  let sessionModule: Type;

  beforeAll(async () => {
    files.write();
    const { SessionsModule } = await files.load<Record<string, Type>>('sessions.module.ts');
    if (SessionsModule === undefined) throw new Error('docs/module.md has no module');
    sessionModule = SessionsModule;
  });
  afterEach(() => {
    delete process.env['SESSION_ENCRYPTION_KEY'];
  });
  afterAll(() => files.remove());

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual(['sessions.module.ts']);
    expect(files.problems()).toBe('');
  });

  it('stops the start without its secret', async () => {
    delete process.env['SESSION_ENCRYPTION_KEY'];
    await expect(bootApp({ sessionModule })).rejects.toThrow('SESSION_ENCRYPTION_KEY is not set');
  });

  it('sets the module up with its secret', async () => {
    process.env['SESSION_ENCRYPTION_KEY'] = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
    const booted = await bootApp({ sessionModule });
    const session = await booted.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'ada');
    const { iat, exp } = session.getAccessTokenPayload();
    expect(exp - iat).toBe(900);
    await booted.close();
  });
});
