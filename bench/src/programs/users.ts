import { Agent, request, type IncomingMessage } from 'node:http';
import { answer } from '../answer.js';

/** What users do. */
export type Action = 'request' | 'refresh' | 'login';

/** The latencies of one action, in milliseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}
export type Traffic = Readonly<Record<Action, Latencies>>;

interface User {
  access: string;
  refresh: string;
  isRefreshing: boolean;
}

const USERS = 2_000;
const TURN_MS = 2;

const agent = new Agent({ keepAlive: true, maxSockets: 256, timeout: 30_000 });
const users: User[] = [];
let port = 0;
let begun = 0;
let taken: Record<Action, number[]>;

answer({
  start: async (serverPort: number) => {
    port = serverPort;
    while (users.length < USERS) await logIn();
    forget();
  },

  /** As many as the server can answer. @returns actions a second */
  saturate: async (forMs: number, atOnce: number) => {
    forget();
    const startedAt = performance.now();
    const lane = async () => {
      while (performance.now() - startedAt < forMs) await act();
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    return (1000 * Object.values(taken).flat().length) / (performance.now() - startedAt);
  },

  /** So many a second, whether or not the earlier ones are answered. */
  keepRate: async (forMs: number, perSecond: number): Promise<Traffic> => {
    forget();
    const startedAt = performance.now();
    let sent = 0;
    const pending = new Set<Promise<void>>();
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const elapsedMs = performance.now() - startedAt;
        for (; sent < (elapsedMs * perSecond) / 1000; sent += 1) {
          const acting = act();
          pending.add(acting);
          void acting.finally(() => pending.delete(acting));
        }
        if (elapsedMs < forMs) return;
        clearInterval(timer);
        resolve();
      }, TURN_MS);
    });
    await Promise.all(pending);
    return {
      request: latenciesOf(taken.request),
      refresh: latenciesOf(taken.refresh),
      login: latenciesOf(taken.login),
    };
  },
});

function forget(): void {
  taken = { request: [], refresh: [], login: [] };
}

async function act(): Promise<void> {
  begun += 1;
  const action = actionAt(begun % 100);
  const startedAt = performance.now();
  if (action === 'login') await logIn();
  else if (action === 'refresh') await refresh();
  else await call();
  taken[action].push(performance.now() - startedAt);
}

// Of a hundred actions one is a login, and four are refreshes.
function actionAt(place: number): Action {
  if (place === 0) return 'login';
  return place % 25 === 1 ? 'refresh' : 'request';
}

function someUser(): User {
  const user = users[Math.floor(Math.random() * users.length)];
  if (user === undefined) throw new Error('nobody is logged in');
  return user;
}

async function logIn(): Promise<void> {
  const userId = `user-${Math.floor(Math.random() * USERS)}`;
  const cookies = await send('POST', '/login', {}, JSON.stringify({ userId }));
  const user = {
    access: cookies.access ?? '',
    refresh: cookies.refresh ?? '',
    isRefreshing: false,
  };
  if (users.length < USERS) users.push(user);
  else users[Math.floor(Math.random() * USERS)] = user;
}

async function refresh(): Promise<void> {
  const user = someUser();
  if (user.isRefreshing) return refresh();
  user.isRefreshing = true;
  const cookie = `__Host-sRefreshToken=${user.refresh}`;
  const cookies = await send('POST', '/auth/session/refresh', { cookie });
  user.access = cookies.access ?? user.access;
  user.refresh = cookies.refresh ?? user.refresh;
  user.isRefreshing = false;
}

async function call(): Promise<void> {
  const { access } = someUser();
  await send('GET', '/me', { cookie: `__Host-sAccessToken=${access}` });
}

async function send(method: string, path: string, headers: Record<string, string>, body = '') {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({
      agent,
      method,
      path,
      port,
      host: '127.0.0.1',
      headers: {
        ...headers,
        host: 'api.example.com',
        rid: 'anti-csrf',
        'sec-fetch-site': 'same-origin',
        ...(method === 'POST'
          ? { 'content-type': 'application/json', 'content-length': String(body.length) }
          : {}),
      },
    });
    sent.on('response', resolve).on('error', reject);
    sent.end(body);
  });
  response.resume();
  await new Promise((resolve) => response.on('end', resolve));
  const { statusCode = 0 } = response;
  if (statusCode >= 300) throw new Error(`${method} ${path} was answered with ${statusCode}`);
  return cookiesOf(response.headers['set-cookie'] ?? []);
}

function cookiesOf(lines: readonly string[]): { access?: string; refresh?: string } {
  const cookies: { access?: string; refresh?: string } = {};
  for (const line of lines) {
    const [, name, value] = /^__Host-s(Access|Refresh)Token=([^;]*)/.exec(line) ?? [];
    if (name === 'Access' && value) cookies.access = value;
    if (name === 'Refresh' && value) cookies.refresh = value;
  }
  return cookies;
}

function latenciesOf(all: readonly number[]): Latencies {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  return {
    count: sorted.length,
    p50: at(0.5) ?? Number.NaN,
    p99: at(0.99) ?? Number.NaN,
    longest: at(1) ?? Number.NaN,
  };
}
