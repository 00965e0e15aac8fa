import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { SessionEventBus } from '../../lib/index.js';
import { createPageSessions } from '../../lib/server/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { SdkApi } from '../support/sdk-api.js';
import { Traffic } from '../support/traffic.js';

/** A server that makes pages: each says who its visitor is, as the API has it. */
async function startPageServer({ url, clock }: BootedApp) {
  const sessions = createPageSessions({ apiUrl: url, now: () => clock.now() });
  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const visitor = await sessions.handle(incoming);
    if (incoming.method === 'POST') {
      await visitor.fetch(incoming.url ?? '/', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: 'u1' }),
      });
    }
    const me = await visitor.fetch('/me');
    const { userId } = (await me.json()) as { userId?: string };
    outgoing.setHeader('set-cookie', visitor.setCookie);
    outgoing.setHeader('content-type', 'text/html');
    outgoing.end(`<link rel="icon" href="data:," /><p>${userId ?? 'guest'}</p>`);
  }
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.writeHead(503).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describeInChromium('a browser on a page server', () => {
  const tests = BrowserTests.forSuite();

  it('logs in, stays logged in through renders at once, and signs out', async () => {
    const booted = await bootApp({ controllers: [SdkApi] });
    const traffic = new Traffic();
    traffic.watch(booted.app);
    const thefts: unknown[] = [];
    booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
    const pages = await startPageServer(booted);
    const tab = await (await tests.newContext()).newPage();
    const rendered = async () => {
      await tab.goto(pages.url);
      return tab.textContent('p');
    };
    expect(await rendered()).toBe('guest');
    await tab.evaluate(`fetch('/login', { method: 'POST' }).then((answer) => answer.text())`);
    expect(await rendered()).toBe('u1');
    for (let rounds = 0; rounds < 3; rounds += 1) {
      booted.clock.advanceMs(3_601_000);
      const renders = await tab.evaluate(
        `Promise.all([1, 2, 3].map((i) => fetch('/' + i).then((answer) => answer.text())))`,
      );
      expect(renders).toEqual([1, 2, 3].map(() => expect.stringContaining('u1')));
      expect(await rendered()).toBe('u1');
    }
    expect(new Set(traffic.refreshes.map(({ status }) => status))).toEqual(new Set([200]));
    expect(thefts).toEqual([]);
    await tab.evaluate(
      `fetch('/auth/signout', { method: 'POST' }).then((answer) => answer.text())`,
    );
    expect(await rendered()).toBe('guest');
    expect(await tab.context().cookies()).toEqual([]);
    pages.stop();
    await booted.close();
  });
});
