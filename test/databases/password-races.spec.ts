import { Body, Controller, Inject, Post } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CreateSession, SessionService } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { Clock } from '../../lib/time/clock.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http-client.js';
import { tokensOf } from '../support/instances.js';

const ROUNDS = 20;
const LOGINS = 6;

/** Some turns of the event loop, in which others go on: as long as a hash of a password takes, or no time at all. */
async function hash(): Promise<void> {
  const turns = Math.floor(Math.random() * 200);
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
}

@Controller()
class AccountController {
  constructor(
    private readonly sessions: SessionService,
    @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
  ) {}

  @Post('login')
  @CreateSession()
  async login(@Body() { password }: { password: string }): Promise<string | null> {
    const [row] = await this.dataSource.query<{ password: string }[]>(
      'SELECT password FROM account',
    );
    await hash();
    return row?.password === password ? 'bob' : null;
  }

  @Post('change')
  async change(@Body() { password }: { password: string }): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE account SET password = '${password}'`);
      await this.sessions.withManager(manager).revokeAllSessionsForUser('bob');
      await hash();
    });
    await this.sessions.revokeAllSessionsForUser('bob');
  }
}

describeOnEachServer('while a password is changed again and again', (engine) => {
  let database: TestDatabase;
  const booted: BootedApp[] = [];
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    for (const synchronize of [true, false]) {
      const options = { ...database.options, synchronize };
      // Real time: what is judged is the order of moments.
      const controllers = [AccountController];
      booted.push(await bootApp({ database: options, controllers, clock: new Clock() }));
    }
    await booted[0]?.dataSource.query('CREATE TABLE account (password VARCHAR(20))');
    await booted[0]?.dataSource.query("INSERT INTO account VALUES ('password 0')");
  });
  afterAll(async () => {
    for (const each of booted) await each.close();
    await database.drop();
  });

  const at = (index: number) => booted[index % booted.length]?.url ?? '';
  const post = (index: number, path: string, password: string) =>
    send(`${at(index)}/${path}`, 'POST', { body: { password } });

  async function isAlive(accessToken: string): Promise<boolean[]> {
    return Promise.all(
      booted.map(async ({ app }) => {
        await app.get(RevocationFeed).poll();
        return app
          .get(SessionService)
          .getSessionWithoutRequestResponse(accessToken)
          .then(
            () => true,
            () => false,
          );
      }),
    );
  }

  it('no login with an old one leaves a session, and each with the new one does, on every instance', async () => {
    let made = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const logins = Array.from({ length: LOGINS }, async (_, index) => {
        await hash();
        return post(index, 'login', `password ${round}`);
      });
      const change = hash().then(() => post(round, 'change', `password ${round + 1}`));
      const answers = await Promise.all(logins);
      expect((await change).status).toBe(201);
      const after = await post(round + 1, 'login', `password ${round + 1}`);
      expect(await isAlive(tokensOf(after).accessToken)).toEqual([true, true]);
      for (const answer of answers.filter(({ status }) => status === 201)) {
        made += 1;
        expect(await isAlive(tokensOf(answer).accessToken)).toEqual([false, false]);
      }
    }
    expect(made).toBeGreaterThan(ROUNDS / 2);
  });
});
