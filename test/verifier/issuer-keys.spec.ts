import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService, type SessionContainer } from '../../lib/index.js';
import type { FeedAnswer } from '../../lib/revocation/feed-answer.js';
import { FakeClock } from '../../lib/testing/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import { SessionVerification, VerifySession, type LiveEnd } from '../../lib/verifier/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http-client.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

const ENCRYPTION_KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
const WRONG_KEY = '0'.repeat(31) + '123456789abcdef01234567890abcdef0';
const STRANGE_KEY = 'd-0123456789abcdef';
const SECOND = 1_000;

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

describe('a service behind a balancer over the instances of its issuer', () => {
  let clock: FakeClock;
  let database: TestDatabase;
  let balancer: Server;
  let service: BootedVerifier;
  let session: SessionContainer;
  let ends: LiveEnd[];
  const issuers: BootedApp[] = [];
  /** The instance that the balancer asks. */
  let asked: BootedApp;
  /** What the feed's list of keys is replaced with. */
  let list: FeedAnswer['keys'] | undefined;

  beforeEach(async () => {
    clock = new FakeClock();
    list = undefined;
    ends = [];
    database = await createTestDatabase('sqlite');
    asked = await startIssuer(ENCRYPTION_KEY);
    session = await logIn();
    balancer = createServer((request, response) => {
      const { authorization = '' } = request.headers;
      const known = list === undefined ? (request.headers['if-none-match'] ?? '') : '';
      void answerOf(request.url ?? '', { authorization, 'if-none-match': known }).then((answer) =>
        response.writeHead(answer.status, answer.headers).end(answer.text),
      );
    });
    balancer.listen(0, '127.0.0.1');
    await once(balancer, 'listening');
    service = await bootVerifier({
      clock,
      controllers: [MeController],
      options: {
        issuer: ISSUER,
        url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: '2h' },
      },
    });
    const verification = service.app.get(SessionVerification);
    const shown = await verification.verify(session.getAccessToken());
    verification.watch(shown, (end) => void ends.push(end));
  });
  afterEach(async () => {
    await service.close();
    balancer.closeAllConnections();
    balancer.close();
    for (const issuer of issuers.splice(0)) await issuer.close();
    await database.drop();
  });

  const logIn = (): Promise<SessionContainer> =>
    asked.app.get(SessionService).createNewSessionWithoutRequestResponse('public', 'alice');

  async function startIssuer(encryptionKey: string): Promise<BootedApp> {
    const issuer = await bootApp({
      clock,
      database: database.options,
      sessions: {
        issuer: ISSUER,
        encryptionKey,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        routes: { revocations: { secrets: [FEED_SECRET] } },
      },
    });
    issuers.push(issuer);
    return issuer;
  }

  async function answerOf(
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, string>; text: string }> {
    const answer = await fetch(asked.url + path, { headers });
    const text = await answer.text();
    const isList = path.includes('/revocations') && list !== undefined && answer.status === 200;
    return {
      status: answer.status,
      headers: Object.fromEntries(
        ['etag', 'session-feed-time', 'session-feed-age'].flatMap((name) => {
          const value = answer.headers.get(name);
          return value === null ? [] : [[name, value]];
        }),
      ),
      text: isList ? JSON.stringify({ ...(JSON.parse(text) as FeedAnswer), keys: list }) : text,
    };
  }

  /** Has an instance read its keys again, as happens every few seconds. */
  async function readKeys(issuer = asked): Promise<void> {
    await issuer.app.get(SessionService).revokeKey(STRANGE_KEY);
  }

  const poll = (): Promise<void> => service.app.get(IssuerFeed).poll();

  /** Polls after a time in which the instance has read its keys again. */
  async function pollNewList(afterMs: number): Promise<void> {
    clock.advanceMs(afterMs);
    await readKeys();
    await poll();
  }

  /** Polls for a list of keys that an instance read just now. */
  async function pollList(ids: readonly string[]): Promise<void> {
    list = { at: clock.now(), ids };
    await poll();
    list = undefined;
  }

  const me = async (shown = session): Promise<number> => {
    const headers = { authorization: `Bearer ${shown.getAccessToken()}` };
    return (await send(`${service.url}/me`, 'GET', { headers })).status;
  };

  const signingKey = (): string => String(decodeProtectedHeader(session.getAccessToken()).kid);

  it('goes on where one of them can’t open the keys, and so does what is open', async () => {
    const [good] = issuers;
    const wrong = await startIssuer(WRONG_KEY);
    clock.advanceMs(20 * SECOND);
    await readKeys(wrong);
    asked = wrong;
    await poll();
    expect(await me()).toBe(200);
    asked = good as BootedApp;
    clock.advanceMs(20 * SECOND);
    await poll();
    expect(await me()).toBe(200);
    expect(ends).toEqual([]);
  });

  it('hears of a revoked key from an instance that can’t open the keys', async () => {
    const [good] = issuers;
    const wrong = await startIssuer(WRONG_KEY);
    clock.advanceMs(SECOND);
    await good?.app.get(SessionService).revokeKey(signingKey());
    await readKeys(wrong);
    asked = wrong;
    await poll();
    expect(await me()).toBe(401);
    await expect.poll(() => ends).toMatchObject([{ reason: 'signing-key-revoked' }]);
  });

  it('is told nothing by the key set of an instance that can’t open the keys', async () => {
    const wrong = await startIssuer(WRONG_KEY);
    const answer = await send(`${wrong.url}/auth/jwt/jwks.json`, 'GET');
    expect(answer).toMatchObject({ status: 503, json: { code: 'SESSION_STORE_UNAVAILABLE' } });
    expect(answer.headers['cache-control'] ?? '').not.toContain('public');
  });

  it('does not believe a feed that names no key, and goes on', async () => {
    clock.advanceMs(SECOND);
    await expect(pollList([])).rejects.toThrow('names no key');
    expect(await me()).toBe(200);
    expect(ends).toEqual([]);
  });

  it('refuses a key that is missing at once, and has it back where a later list names it again', async () => {
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    expect(await me()).toBe(401);
    await pollNewList(20 * SECOND);
    expect(await me()).toBe(200);
  });

  it('asks for the list until it has one that decides about a missing key', async () => {
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    await pollNewList(5 * SECOND);
    expect(await me()).toBe(401);
    // The issuer's state is the same as in its answer before.
    await pollNewList(15 * SECOND);
    expect(await me()).toBe(200);
  });

  it('does not take a key back by a list that may be from before its revocation, nor by the published keys', async () => {
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    clock.advanceMs(10 * SECOND);
    await pollList([STRANGE_KEY, signingKey()]);
    expect(await me()).toBe(401);
    clock.advanceMs(10 * SECOND);
    // That instance has not read the keys again.
    await poll();
    expect(await me()).toBe(401);
  });

  it('hears of a revoked key also after a list from an instance whose clock had jumped ahead', async () => {
    clock.advanceMs(SECOND);
    list = { at: clock.now() + 540 * SECOND, ids: [signingKey()] };
    await poll();
    expect(await me()).toBe(200);
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    expect(await me()).toBe(401);
    await pollNewList(20 * SECOND);
    expect(await me()).toBe(200);
  });

  it('refuses a key for good once it has been missing for a while', async () => {
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    clock.advanceMs(20 * SECOND);
    await pollList([STRANGE_KEY]);
    for (let i = 0; i < 3; i += 1) {
      await pollNewList(20 * SECOND);
      expect([await me(), await me(await logIn())]).toEqual([401, 401]);
    }
  });

  it('refuses a key for good that is missing for the second time', async () => {
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    await pollNewList(20 * SECOND);
    expect(await me()).toBe(200);
    clock.advanceMs(SECOND);
    await pollList([STRANGE_KEY]);
    await pollNewList(60 * SECOND);
    expect([await me(), await me(await logIn())]).toEqual([401, 401]);
  });
});
