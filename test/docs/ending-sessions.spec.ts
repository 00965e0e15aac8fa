import { Body, Controller, Get, Post, type Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CreateSession, CurrentSession, VerifySession } from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';

interface Passwords {
  change(userId: string, store: () => Promise<void>): Promise<void>;
}

@Controller()
class LoginController {
  @Post('login')
  @CreateSession({ persistent: false })
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession('sub') userId: string): object {
    return { userId };
  }
}

/** What the example takes from the application. */
const USER = `
import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity()
export class User {
  @PrimaryColumn('varchar')
  id!: string;

  @Column('varchar')
  passwordHash!: string;
}

export async function hashOf(password: string): Promise<string> {
  return \`hash of \${password}\`;
}
`;

describe('what docs/ending-sessions.md shows', () => {
  const files = new DocFiles('ending-sessions.md', { 'user.entity.ts': USER });
  let booted: BootedApp;
  let passwords: Passwords;
  let User: Type<{ id: string; passwordHash: string }>;

  beforeAll(async () => {
    files.write();
    const { PasswordService } = await files.load<{ PasswordService: Type<Passwords> }>(
      'password.service.ts',
    );
    const { PasswordController } = await files.load<{ PasswordController: Type }>(
      'password.controller.ts',
    );
    ({ User } = await files.load<{ User: typeof User }>('user.entity.ts'));
    booted = await bootApp({
      imports: [TypeOrmModule.forFeature([User])],
      controllers: [LoginController, PasswordController],
      providers: [PasswordService],
    });
    passwords = booted.app.get(PasswordService);
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual([
      'password.service.ts',
      'password.controller.ts',
      'user.entity.ts',
    ]);
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

  it('keeps the user who changes it logged in, and nobody else', async () => {
    const users = booted.dataSource.getRepository(User);
    await users.insert({ id: 'cleo', passwordHash: 'old' });
    const [here, elsewhere] = [booted.client(), booted.client()];
    for (const client of [here, elsewhere]) {
      await client.post('/login', { userId: 'cleo' });
    }
    booted.clock.advance('1s');
    const changed = await here.post('/password', { password: 'new' });
    expect(changed.status).toBe(204);
    expect(changed.setCookies.filter((line) => /max-age|expires/i.test(line))).toEqual([]);
    expect(await users.findOneBy({ id: 'cleo' })).toMatchObject({ passwordHash: 'hash of new' });
    expect((await here.get('/me')).status).toBe(200);
    expect((await elsewhere.get('/me')).status).toBe(401);
    expect((await elsewhere.post('/auth/session/refresh')).status).toBe(401);
  });
});
