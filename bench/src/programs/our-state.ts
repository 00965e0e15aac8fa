import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionHealth, SessionService, type SessionModuleOptions } from 'nestjs-auth-sessions';
import { DataSource } from 'typeorm';
import { answer } from '../answer.js';
import type { DatabasePlace } from '../databases.js';
import { emptyResponse, requestWithCookies } from '../fake-request.js';
import { repeatOnInputs } from '../operation-on-inputs.js';
import { cookieHeader, startOurs } from '../our-application.js';
import { SESSIONS, verifyInTurn, type ClientTokens } from '../request-inputs.js';

let sessions: SessionService;
let dataSource: DataSource;
const remembered: ClientTokens[] = [];

// What our module takes beside time for an operation: memory, time to start, and the event loop's patience.
answer({
  start: async (place: DatabasePlace, options: SessionModuleOptions) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const startedAt = performance.now();
    const app = await startOurs(place, options);
    sessions = app.get(SessionService);
    dataSource = app.get(DataSource);
    const startedInMs = performance.now() - startedAt;
    // A long feed is read on while requests are served.
    const health = app.get(SessionHealth);
    while ((await health.check()).isFeedStale) await pause(1);
    const knowsAllInMs = performance.now() - startedAt;
    delay.disable();
    return { startedInMs, knowsAllInMs, longestDelayMs: delay.max / 1e6 };
  },

  /** Logs in, and verifies the token once. @returns bytes of heap in use after each of these numbers of sessions */
  heapAfter: async (numbers: readonly number[]) => {
    const bytes: number[] = [];
    let created = 0;
    for (const number of numbers) {
      for (; created < number; created += 1) await verifyNewSession();
      bytes.push(heapInUse());
    }
    return bytes;
  },

  heapInUse,

  /** @returns how late the event loop was while sessions are created and verified, in milliseconds */
  delayWhileBusy: async (forMs: number) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const endsAt = performance.now() + forMs;
    while (performance.now() < endsAt) {
      await verifyNewSession();
      await pause(1);
    }
    delay.disable();
    return { p99: delay.percentile(99) / 1e6, longest: delay.max / 1e6 };
  },

  prepareVerify: async () => {
    while (remembered.length < SESSIONS) remembered.push(await login());
  },

  /** Verifies remembered tokens in turn. */
  run: (forMs: number) => {
    const verifications = verifyInTurn('by request', remembered, {
      request: (request, response) => sessions.getSession(request, response),
      token: (token) => sessions.getSessionWithoutRequestResponse(token),
    });
    return repeatOnInputs(verifications, forMs, 1);
  },

  query: (sql: string) => dataSource.query(sql),

  /** A steady load of all that requests do. @returns what was done */
  load: async (forMs: number) => {
    const endsAt = performance.now() + forMs;
    let done = 0;
    for (; performance.now() < endsAt; done += 1) {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'user-1');
      const { refreshToken = '' } = session.getAllSessionTokensDangerously();
      const refreshed = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
      await sessions.getSessionWithoutRequestResponse(refreshed.getAccessToken());
      // A revoked session is remembered for ten minutes and more; as many of them as fit would hide what leaks.
      if (done % 200 === 0) await sessions.revokeSession(refreshed.getHandle());
      // Timers, and with them the feed and the queues, get their turn.
      if (done % 10 === 0) await pause(1);
    }
    return done;
  },
});

async function login(): Promise<ClientTokens> {
  const session = await sessions.createNewSessionWithoutRequestResponse('public', 'user-1');
  const { accessToken, refreshToken = '' } = session.getAllSessionTokensDangerously();
  return { accessToken, cookies: cookieHeader(accessToken, refreshToken) };
}

async function verifyNewSession(): Promise<void> {
  await sessions.getSession(requestWithCookies((await login()).cookies), emptyResponse());
}

function heapInUse(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
