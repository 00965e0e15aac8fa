import { once } from 'node:events';
import { createServer, request as ask, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { sessionEntities } from '../../lib/index.js';
import { engines } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { SessionProcess, type LoginTokens } from '../support/session-process.js';
import { VerifierProcess } from '../support/verifier-process.js';
import { FEED_SECRET, ISSUER } from '../support/verifier-app.js';

const NEXT_SECRET = 'ZmVlZCBzZWNyZXQgb2YgdGhlIG5leHQgbW9udGgsIG9rPz8=';
const POLL_MS = 200;
// The issuer's interval with its jitter, the service's, and what a busy machine adds.
const BOUND_MS = 2 * POLL_MS + 1_500;

describe.skipIf(!engines.includes('postgres'))(
  'services as processes of their own, behind a balancer over two issuers',
  () => {
    let database: TestDatabase;
    let balancer: Server;
    let url: string;
    const issuers: SessionProcess[] = [];
    const services: VerifierProcess[] = [];
    let turn = 0;

    function startIssuer(
      skewMs: number,
      secrets: string[] = [FEED_SECRET],
    ): Promise<SessionProcess> {
      return SessionProcess.start({
        database: database.options,
        skewMs,
        sessions: {
          issuer: ISSUER,
          revocation: { pollInterval: POLL_MS / 1000 },
          routes: { revocations: { secrets } },
        } as object,
      });
    }

    async function startService(
      platform: 'express' | 'fastify' | 'tcp',
      more: { skewMs?: number; secret?: string } = {},
    ): Promise<VerifierProcess> {
      return VerifierProcess.start({
        platform,
        skewMs: more.skewMs ?? 0,
        port: platform === 'tcp' ? await freePort() : 0,
        options: {
          issuer: ISSUER,
          url,
          requestTimeout: 1,
          keys: { reloadInterval: 1 },
          revocations: {
            secret: more.secret ?? FEED_SECRET,
            pollInterval: POLL_MS / 1000,
            maxStaleness: 5,
          },
        },
      });
    }

    beforeAll(async () => {
      database = await createTestDatabase('postgres');
      const entities = [...sessionEntities];
      const tables = new DataSource({ ...database.options, entities, synchronize: true });
      await tables.initialize();
      await tables.destroy();
      balancer = createServer((incoming, outgoing) => {
        const target = issuers[(turn += 1) % issuers.length];
        const forwarded = ask(
          new URL(incoming.url ?? '', target?.url),
          { method: incoming.method, headers: incoming.headers },
          (answer) => {
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(outgoing);
          },
        );
        forwarded.on('error', () => outgoing.writeHead(502).end());
        incoming.pipe(forwarded);
      });
      balancer.listen(0, '127.0.0.1');
      await once(balancer, 'listening');
      url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/auth`;
      issuers.push(await startIssuer(0));
      issuers.push(await startIssuer(90_000));
      services.push(
        ...(await Promise.all([
          startService('express'),
          startService('fastify', { skewMs: -90_000 }),
          startService('tcp', { skewMs: 90_000 }),
        ])),
      );
    }, 60_000);

    afterAll(async () => {
      await Promise.all([...services, ...issuers].map((each) => each.kill()));
      balancer.closeAllConnections();
      balancer.close();
      await database.drop();
    }, 60_000);

    const statuses = (token: string): Promise<number[]> =>
      Promise.all(services.map((service) => service.statusFor(token)));

    const logIn = (on: number, userId: string): Promise<LoginTokens> =>
      (issuers[on] as SessionProcess).call('logIn', userId);

    async function untilRefused(token: string): Promise<void> {
      const endsAt = performance.now() + BOUND_MS;
      let seen = await statuses(token);
      while (seen.some((status) => status !== 401) && performance.now() < endsAt) {
        await pause(50);
        seen = await statuses(token);
      }
      expect(seen).toEqual([401, 401, 401]);
    }

    it('VF9: accept what either issuer gives, and refuse what either has revoked within both intervals, on clocks 90 seconds apart', async () => {
      const live = await logIn(0, 'live');
      for (const on of [0, 1]) {
        const session = await logIn(1 - on, `user-${on}`);
        expect(await statuses(session.accessToken)).toEqual([200, 200, 200]);
        await issuers[on]?.call('revoke', session.handle);
        await untilRefused(session.accessToken);
        const all = await logIn(on, `all-${on}`);
        expect(await statuses(all.accessToken)).toEqual([200, 200, 200]);
        await issuers[1 - on]?.call('revokeAll', `all-${on}`);
        await untilRefused(all.accessToken);
      }
      expect(await statuses(live.accessToken)).toEqual([200, 200, 200]);
    }, 60_000);

    it('VF10: go on while an issuer is killed and started again, and are started again themselves', async () => {
      const live = await logIn(0, 'live');
      const revoked = await logIn(0, 'revoked');
      await issuers[0]?.call('revoke', revoked.handle);
      await untilRefused(revoked.accessToken);
      await issuers[1]?.kill();
      await services[0]?.kill();
      services[0] = await startService('express');
      expect([200, 503]).toContain(await services[0].statusFor(live.accessToken));
      issuers[1] = await startIssuer(90_000);
      await pause(BOUND_MS);
      expect(await statuses(live.accessToken)).toEqual([200, 200, 200]);
      expect(await statuses(revoked.accessToken)).toEqual([401, 401, 401]);
    }, 60_000);

    it('VF11: refuse the tokens of a revoked key, and accept those of the next', async () => {
      const old = await logIn(0, 'old');
      expect(await statuses(old.accessToken)).toEqual([200, 200, 200]);
      const [kid = ''] = (await issuers[0]?.call('kids')) ?? [];
      await issuers[0]?.call('revokeKey', kid);
      await untilRefused(old.accessToken);
      // The other issuer reads its keys every five seconds, and a service asks as often for one that it does not know.
      const next = await logIn(0, 'next');
      const endsAt = performance.now() + 12_000;
      while ((await statuses(next.accessToken)).includes(401) && performance.now() < endsAt) {
        await pause(200);
      }
      for (let times = 0; times < 5; times += 1) {
        expect(await statuses(next.accessToken)).toEqual([200, 200, 200]);
        await pause(POLL_MS);
      }
    }, 60_000);

    it('roll secrets without a refusal: both at the issuers, then the new one at the services', async () => {
      const live = await logIn(0, 'live');
      for (const [index, skewMs] of [0, 90_000].entries()) {
        await issuers[index]?.kill();
        issuers[index] = await startIssuer(skewMs, [NEXT_SECRET, FEED_SECRET]);
      }
      const service = await startService('express', { secret: NEXT_SECRET });
      expect(await service.statusFor(live.accessToken)).toBe(200);
      await service.kill();
      expect(await statuses(live.accessToken)).toEqual([200, 200, 200]);
    }, 60_000);

    it('VF12: answer 503 once no issuer has been heard for too long, and accept again when one is back', async () => {
      const live = await logIn(0, 'live');
      await Promise.all(issuers.map((each) => each.kill()));
      expect(await statuses(live.accessToken)).toEqual([200, 200, 200]);
      await pause(5_500);
      expect(await statuses(live.accessToken)).toEqual([503, 503, 503]);
      issuers[0] = await startIssuer(0);
      issuers[1] = await startIssuer(90_000);
      await pause(BOUND_MS);
      expect(await statuses(live.accessToken)).toEqual([200, 200, 200]);
    }, 60_000);
  },
);

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
