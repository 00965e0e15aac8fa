import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService, type SessionModuleOptions } from '../../lib/index.js';
import { HeldPolls } from '../../lib/http/feed/held-polls.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import type { FeedAnswer } from '../../lib/revocation/feed-answer.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { send, type Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { bootVerifier, FEED_SECRET, ISSUER } from '../support/verifier-app.js';

const LONG = { prefer: 'wait=30' };

describe.each(platforms)('a poll that would learn nothing, on %s', (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;

  beforeEach(() => boot());
  afterEach(() => booted.close());

  async function boot(more: SessionModuleOptions = {}): Promise<void> {
    booted = await bootApp({
      platform,
      sessions: {
        issuer: ISSUER,
        revocation: { pollInterval: '1h' },
        routes: { revocations: { secrets: [FEED_SECRET] } },
        ...more,
      },
    });
    sessions = booted.app.get(SessionService);
  }

  function ask(headers: Record<string, string> = {}, cursor = ''): Promise<Answer> {
    const authorization = `Bearer ${FEED_SECRET}`;
    return send(
      `${booted.url}/auth/revocations${cursor === '' ? '' : `?cursor=${cursor}`}`,
      'GET',
      {
        headers: { authorization, ...headers },
      },
    );
  }

  /** Where a reader stands that has read everything. */
  async function position(): Promise<{ cursor: string; known: Record<string, string> }> {
    const { cursor } = (await ask()).json as FeedAnswer;
    const { headers } = await ask({}, cursor);
    return { cursor, known: { 'if-none-match': String(headers.etag) } };
  }

  async function areHeld(count: number): Promise<void> {
    await expect.poll(() => booted.app.get(HeldPolls).size, { timeout: 5_000 }).toBe(count);
  }

  async function endSession(userId = 'alice'): Promise<string> {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', userId);
    await sessions.revokeSession(session.getHandle());
    return session.getHandle();
  }

  it('is answered at once without a wish to wait, and with one of no time', async () => {
    const { cursor, known } = await position();
    for (const wish of [{}, { prefer: 'wait=0' }, { prefer: 'respond-async' }]) {
      const answer = await ask({ ...known, ...wish }, cursor);
      expect(answer.status).toBe(304);
      expect(answer.headers).not.toHaveProperty('session-feed-held');
    }
  });

  it('waits as long as it wishes, and is told for how long it was held', async () => {
    const { cursor, known } = await position();
    const answer = await ask({ ...known, prefer: 'wait=1' }, cursor);
    expect(answer.status).toBe(304);
    const heldMs = Number(answer.headers['session-feed-held']);
    expect(heldMs).toBeGreaterThanOrEqual(450);
    expect(heldMs).toBeLessThan(5_000);
    expect(answer.headers['session-feed-time']).toBe(String(booted.clock.now()));
    await areHeld(0);
  });

  it('is answered by the revocation itself', async () => {
    const { cursor, known } = await position();
    const held = ask({ ...known, ...LONG }, cursor);
    await areHeld(1);
    const handle = await endSession();
    const answer = await held;
    expect(answer.status).toBe(200);
    expect((answer.json as FeedAnswer).lines).toMatchObject([{ kind: 'session', handle }]);
    const next = await ask(known, (answer.json as FeedAnswer).cursor);
    expect(next.status).toBe(304);
  });

  it('is answered where a key changes, once the instance knows of it', async () => {
    const { cursor, known } = await position();
    const held = ask({ ...known, ...LONG }, cursor);
    await areHeld(1);
    const kid = String(sessions.getJWKS().keys[0]?.kid);
    await sessions.revokeKey(kid);
    await endSession();
    const { keys } = (await held).json as FeedAnswer;
    expect(keys.ids).not.toContain(kid);
  });

  it('is answered for everybody who waits, one after the other', async () => {
    const { cursor, known } = await position();
    const held = Array.from({ length: 200 }, () => ask({ ...known, ...LONG }, cursor));
    await areHeld(200);
    const handle = await endSession();
    for (const answer of await Promise.all(held)) {
      expect((answer.json as FeedAnswer).lines).toMatchObject([{ kind: 'session', handle }]);
    }
    await areHeld(0);
  });

  it('does not wait where it learns something, or has no secret', async () => {
    const { cursor, known } = await position();
    await endSession();
    expect((await ask({ ...known, ...LONG }, cursor)).status).toBe(200);
    expect((await ask(LONG)).status).toBe(200);
    const stranger = await ask({ ...known, ...LONG, authorization: 'Bearer x' }, cursor);
    expect(stranger.status).toBe(401);
    await areHeld(0);
  });

  it('ends when the application stops, with an answer', async () => {
    const { cursor, known } = await position();
    const held = ask({ ...known, ...LONG }, cursor);
    await areHeld(1);
    const stopped = booted.close();
    expect((await held).status).toBe(304);
    await stopped;
    await boot();
  });

  it('lets the application stop, though each service asks again on the same connection', async () => {
    const { cursor, known } = await position();
    const agent = new Agent({ keepAlive: true });
    const headers = { ...known, ...LONG, authorization: `Bearer ${FEED_SECRET}` };
    const url = `${booted.url}/auth/revocations?cursor=${cursor}`;
    const askAgain = (): void => {
      const asking = request(url, { agent, headers }, (answer) => {
        answer.resume().on('end', () => setTimeout(askAgain, 20));
      });
      asking.on('error', () => undefined).end();
    };
    for (let services = 0; services < 300; services += 1) askAgain();
    await areHeld(300);
    const startedAt = performance.now();
    await booted.close();
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    agent.destroy();
    await boot();
  });

  it('is forgotten after its time if its client is gone', async () => {
    const { cursor, known } = await position();
    const gone = new AbortController();
    const url = `${booted.url}/auth/revocations?cursor=${cursor}`;
    const headers = { ...known, authorization: `Bearer ${FEED_SECRET}`, prefer: 'wait=1' };
    const held = fetch(url, { headers, signal: gone.signal }).catch(() => 'gone');
    await areHeld(1);
    gone.abort();
    expect(await held).toBe('gone');
    await areHeld(0);
    expect((await ask(known, cursor)).status).toBe(304);
  });

  it('lets a service know of a revocation without a poll of its own', async () => {
    const verifier = await bootVerifier({
      options: {
        issuer: ISSUER,
        url: `${booted.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1s' },
      },
      clock: booted.clock,
    });
    const heard: object[] = [];
    verifier.app.get(IssuerFeed).onNews((news) => void heard.push(...news));
    await areHeld(1);
    const handle = await endSession();
    await expect.poll(() => heard, { timeout: 5_000 }).toMatchObject([{ kind: 'session', handle }]);
    await verifier.close();
  });

  it('tells a service of the issuer’s clock as exactly as an answer at once', async () => {
    const clock = booted.clock;
    const verifier = await bootVerifier({
      options: {
        issuer: ISSUER,
        url: `${booted.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1s' },
      },
      clock,
    });
    await areHeld(1);
    // Time goes on while the answer is held.
    clock.advanceMs(20_000);
    await booted.app.get(RevocationFeed).poll();
    const before = clock.now();
    await endSession();
    await areHeld(0);
    await areHeld(1);
    expect(clock.now()).toBe(before);
    expect(verifier.app.get(IssuerFeed).isStale).toBe(false);
    await verifier.close();
  });

  it('keeps a service up to date where something in between ends it, without a wait from then on', async () => {
    const preferences: (string | undefined)[] = [];
    // As a proxy with a short time limit does.
    const proxy = createServer((incoming, outgoing) => {
      if (incoming.url?.includes('/revocations') === true) {
        preferences.push(incoming.headers['prefer'] as string | undefined);
      }
      const { port } = new URL(booted.url);
      const { url: path, headers } = incoming;
      const passed = request({ port, path, headers }, (answer) => {
        if (outgoing.headersSent) answer.resume();
        else answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, answer.headers));
      });
      passed.on('error', () => outgoing.destroy());
      passed.end();
      setTimeout(() => {
        if (!outgoing.headersSent) outgoing.writeHead(504).end();
      }, 300).unref();
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    const logs = new LogRecorder();
    const verifier = await bootVerifier({
      options: {
        issuer: ISSUER,
        url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1s' },
      },
      clock: booted.clock,
      prepare: logs.record,
    });
    const feed = verifier.app.get(IssuerFeed);
    await expect
      .poll(() => preferences, { timeout: 5_000 })
      .toEqual(['wait=4', 'wait=4', undefined]);
    booted.clock.advanceMs(59_000);
    await booted.app.get(RevocationFeed).poll();
    await expect.poll(() => preferences.length, { timeout: 5_000 }).toBeGreaterThan(3);
    expect(preferences.slice(3)).not.toContain('wait=4');
    await expect.poll(() => feed.ageMs, { timeout: 5_000 }).toBeLessThan(10_000);
    expect(logs.texts('error')).toEqual([]);
    await verifier.close();
    proxy.closeAllConnections();
    proxy.close();
  });
});
