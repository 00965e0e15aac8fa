import assert from 'node:assert/strict';
import type { BrowserContext, Page } from 'playwright-core';
import { vi } from 'vitest';
import { Session, SessionEventBus, SessionRevocation } from '../../lib/index.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import type { CrossSitePage, Way } from './cross-site-page.js';
import type { Frontend } from './frontend.js';
import type { Exchange } from './traffic.js';

const REFRESH = '/auth/session/refresh';
const EVENTS = ['created', 'refreshed', 'repeated', 'theftDetected', 'revoked'] as const;
const PATIENCE = { timeout: 10_000, interval: 5 };

interface Called {
  readonly status: number;
  readonly json: unknown;
  readonly antiCsrf: string | null;
}

/** Somebody who has our page open, and then another one. */
export class Visit {
  private antiCsrf: string | undefined;

  private constructor(
    private readonly frontend: Frontend,
    private readonly context: BrowserContext,
    private readonly evil: CrossSitePage,
    private readonly page: Page,
  ) {}

  static async begin(
    frontend: Frontend,
    context: BrowserContext,
    evil: CrossSitePage,
  ): Promise<Visit> {
    const page = await context.newPage();
    await page.goto(`${frontend.pageUrl}/plain.html`);
    return new Visit(frontend, context, evil, page);
  }

  async login(): Promise<void> {
    const answer = await this.call('POST', '/login', { userId: 'victim' });
    assert.equal(answer.status, 201);
    await this.expectToBeKnown();
  }

  async expectSessionToGoOn(): Promise<void> {
    await this.expectToBeKnown();
    assert.equal((await this.call('POST', REFRESH)).status, 200);
    await this.expectToBeKnown();
  }

  /** What the browser keeps for our site. */
  async jar(): Promise<string[]> {
    const cookies = await this.context.cookies(this.frontend.apiUrl);
    return cookies.map((cookie) => JSON.stringify(cookie)).toSorted();
  }

  /** The request as our site got it. */
  async isAttacked(way: Way, path: string): Promise<Exchange> {
    const { traffic, apiUrl } = this.frontend;
    traffic.forget();
    await this.evil.send(this.context, way, apiUrl + path, { userId: 'attacker' });
    return vi.waitFor(() => {
      const [first] = traffic.to(path);
      if (first === undefined) throw new Error(`no request has come to ${path}`);
      return first;
    }, PATIENCE);
  }

  /** Neither what the browser has nor what the database has, and no event tells of anything. */
  async expectNothingToChange(act: () => Promise<void>): Promise<void> {
    const told: string[] = [];
    const bus = this.frontend.booted.app.get(SessionEventBus);
    const stops = EVENTS.map((name) => bus.on(name, () => void told.push(name)));
    const before = { jar: await this.jar(), rows: await this.rows() };
    await act();
    // An answer that comes later than all of those shows that the browser is done with them.
    await this.call('GET', '/me');
    assert.deepEqual({ jar: await this.jar(), rows: await this.rows() }, before);
    assert.deepEqual(told, []);
    for (const stop of stops) stop();
  }

  private async expectToBeKnown(): Promise<void> {
    const { status, json } = await this.call('GET', '/me');
    assert.deepEqual({ status, json }, { status: 200, json: { userId: 'victim' } });
  }

  private async rows(): Promise<unknown> {
    const { app, dataSource } = this.frontend.booted;
    await app.get(ArrivalQueue).flush();
    return [
      await dataSource.getRepository(Session).find(),
      await dataSource.getRepository(SessionRevocation).find(),
    ];
  }

  private async call(method: string, path: string, body?: object): Promise<Called> {
    const headers = {
      rid: 'session',
      ...(this.antiCsrf === undefined ? {} : { 'anti-csrf': this.antiCsrf }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const called = (await this.page.evaluate(
      `fetch(${JSON.stringify(path)}, ${JSON.stringify(init)}).then(async (answer) => ({
        status: answer.status,
        json: await answer.json(),
        antiCsrf: answer.headers.get('anti-csrf'),
      }))`,
    )) as Called;
    this.antiCsrf = called.antiCsrf ?? this.antiCsrf;
    return called;
  }
}
