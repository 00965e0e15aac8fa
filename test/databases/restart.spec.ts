import assert from 'node:assert/strict';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionEventBus } from '../../lib/index.js';
import { describeWithOwnServer } from '../support/components.js';
import type { Answer } from '../support/http-client.js';
import { Deployment, tokensOf, type Instance, type Tokens } from '../support/instances.js';

const CLIENTS = 6;
const LIVES_BETWEEN = 6;
const UNTOUCHED = {
  status: 503,
  setCookies: [],
  json: {
    statusCode: 503,
    code: 'SESSION_STORE_UNAVAILABLE',
    message: 'session store unavailable',
  },
  retryAfter: '5',
};
const LONG_ENOUGH = { timeout: 60_000, interval: 20 };

/** Clients that log in, refresh, ask and log out, again and again; who is told 503 asks once more. */
class Clients {
  /** How many of them have come to the end, in all. */
  lives = 0;
  refusals = 0;
  private isOver = false;
  private readonly all: Promise<void>[];

  constructor(
    private readonly instance: Instance,
    private readonly steady: Tokens,
  ) {
    this.all = Array.from({ length: CLIENTS }, () => this.run());
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.all);
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      await this.live();
      this.lives += 1;
    }
  }

  private async live(): Promise<void> {
    const { instance } = this;
    const first = tokensOf(await this.answered(201, () => instance.tryLogin('traveller')));
    const second = tokensOf(await this.answered(200, () => instance.refresh(first)), first);
    await this.answered(200, () => instance.strictMe(second));
    // What the first answer may have been lost with is given again.
    const third = tokensOf(await this.answered(200, () => instance.refresh(first)), first);
    await this.answered(200, () => instance.strictMe(third));
    await this.answered(200, () => instance.signOut(third));
    await this.answered(401, () => instance.refresh(third));
    // What was ended by an answer that got lost is known here with the next poll.
    await vi.waitUntil(async () => (await instance.me(third)).status === 401, LONG_ENOUGH);
  }

  private async answered(status: number, ask: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const answer = await ask();
      if (answer.status === status) return answer;
      const { setCookies, json, headers } = answer;
      assert.deepEqual(
        { status: answer.status, setCookies, json, retryAfter: headers['retry-after'] },
        UNTOUCHED,
      );
      this.refusals += 1;
      // Guarded routes go on from memory.
      assert.equal((await this.instance.me(this.steady)).status, 200);
    }
  }
}

for (const kind of ['postgres', 'mariadb'] as const) {
  describeWithOwnServer(kind, 'a server that restarts amid traffic', (start) => {
    const server = start();
    let deployment: Deployment;
    beforeEach(async () => {
      vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      deployment = Deployment.onDatabase(await server().createDatabase());
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await deployment.end();
    });

    it.each(['is stopped', 'crashes'])(
      'and %s is an outage of 503s, which nobody loses a session by',
      { timeout: 200_000 },
      async (how) => {
        const instance = await deployment.start();
        const thefts: unknown[] = [];
        instance.booted.app
          .get(SessionEventBus)
          .on('theftDetected', (each) => void thefts.push(each));
        const steady = await instance.login('steady');
        const clients = new Clients(instance, steady);
        const someLives = async (): Promise<void> => {
          const before = clients.lives;
          await vi.waitUntil(() => clients.lives >= before + LIVES_BETWEEN, LONG_ENOUGH);
        };
        try {
          for (let restart = 0; restart < 2; restart += 1) {
            await someLives();
            const before = clients.refusals;
            await (how === 'crashes' ? server().crash() : server().stop());
            await vi.waitUntil(() => clients.refusals > before + CLIENTS, LONG_ENOUGH);
            await server().start();
            await someLives();
          }
        } finally {
          await clients.end();
        }
        expect((await instance.refresh(steady)).status).toBe(200);
        expect(thefts).toEqual([]);
      },
    );
  });
}
