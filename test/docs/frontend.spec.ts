import { Controller, Get } from '@nestjs/common';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionFetch } from '../../lib/client/index.js';
import { createSessionFetch, frontTokenOf } from '../../lib/client/index.js';
import { CurrentSession, VerifySession } from '../../lib/index.js';
import type { NodeResponse, VisitorRequest } from '../../lib/server/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { codeInDocs } from '../support/doc-code.js';
import { DocFiles } from '../support/doc-files.js';
import { LoginController } from '../support/login.controller.js';

@Controller('orders')
class OrdersController {
  @Get()
  @VerifySession()
  orders(@CurrentSession('sub') userId: string): object {
    return { of: userId };
  }
}

interface ExpressPages {
  middleware(request: VisitorRequest, response: NodeResponse, next: () => void): Promise<void>;
  route(request: VisitorRequest, response: { end(text: string): unknown }): Promise<void>;
}

/** A use of the middleware, by the types that @types/express declares. */
const EXPRESS = `
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pagesOfExpress } from './page-server.express.js';

interface Response extends ServerResponse {
  append(field: string, value?: string[] | string): this;
}
interface RequestHandler {
  (
    request: IncomingMessage,
    response: Response,
    next: (error?: unknown) => void,
  ): void | Promise<void>;
}
export const handler: RequestHandler = pagesOfExpress('https://api.example.com').middleware;
`;

/** What the example uses of Next, which is not installed here. */
const NEXT = `
declare module 'next/server' {
  export class NextRequest extends Request {}
  export class NextResponse extends Response {
    static next(init?: { request?: { headers?: Headers } }): NextResponse;
  }
}
`;

describe('what docs/frontend.md shows', () => {
  const files = new DocFiles('frontend.md', { 'express.ts': EXPRESS, 'next.d.ts': NEXT });
  let booted: BootedApp;
  let cookie: string;

  beforeAll(() => files.write());
  afterAll(() => files.remove());
  beforeEach(async () => {
    booted = await bootApp({ controllers: [LoginController, OrdersController] });
    const browser = booted.client('https://www.example.com');
    const login = await browser.post('/login', { userId: 'ada' });
    cookie = login.setCookies.map((line) => line.split(';', 1)[0]).join('; ');
  });
  afterEach(() => booted.close());

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual([
      'page-server.ts',
      'page-server.express.ts',
      'page-server.next.ts',
      'express.ts',
      'next.d.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('makes pages for visitors and guests', async () => {
    const { createPages } = await files.load<{
      createPages: (apiUrl: string) => (request: Request) => Promise<Response>;
    }>('page-server.ts');
    const pages = createPages(booted.url);
    const guest = await pages(new Request('https://www.example.com'));
    expect(await guest.text()).toBe('Please log in.');
    const page = await pages(new Request('https://www.example.com', { headers: { cookie } }));
    expect(await page.text()).toBe('ada: {"of":"ada"}');
  });

  it('finds visitors in a middleware of Express', async () => {
    const { pagesOfExpress } = await files.load<{
      pagesOfExpress: (apiUrl: string) => ExpressPages;
    }>('page-server.express.ts');
    const pages = pagesOfExpress(booted.url);
    const server = createServer((request, response) => {
      void pages.middleware(request, response, () => void pages.route(request, response));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await (await fetch(url)).text()).toBe('guest');
    expect(await (await fetch(url, { headers: { cookie } })).text()).toBe('ada');
    booted.clock.advance('61m');
    const refreshOnly = cookie.replace(/[^;]*sAccessToken=[^;]*;?/, '');
    const refreshed = await fetch(url, { headers: { cookie: refreshOnly } });
    expect(await refreshed.text()).toBe('ada');
    expect(refreshed.headers.getSetCookie()).toHaveLength(2);
    expect(refreshed.headers.get('cache-control')).toBe('no-store');
    server.closeAllConnections();
    server.close();
  });

  it('asks with the client for pages', async () => {
    const code = codeInDocs('frontend.md', 'page.js')
      .replace(/^import .*$/m, '')
      .replace('https://api.example.com', booted.url);
    type Page = (...names: unknown[]) => Promise<SessionFetch>;
    // eslint-disable-next-line typescript/no-implied-eval
    const run = new Function(
      'createSessionFetch',
      'frontTokenOf',
      `return (async () => { ${code}; return sessionFetch; })()`,
    ) as Page;
    const sessionFetch = await run(createSessionFetch, frontTokenOf);
    expect((await sessionFetch('/orders', { headers: { cookie } })).status).toBe(200);
  });
});
