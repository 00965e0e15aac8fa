/*
 * What `rotation.model.spec.ts` shows for a model, against a real server: schedules drawn at random, over HTTP.
 * SCHEDULE_RUNS sets how many.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionEventBus, SessionService } from '../../lib/index.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import type { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { refreshTokenOf } from '../support/fleet.js';
import { send } from '../support/http-client.js';

const RUNS = Number(process.env['SCHEDULE_RUNS'] ?? 40);
const GRACE_PERIOD_MS = 30_000;
const HOUR_MS = 3_600_000;

interface Tokens {
  refresh: string;
  access?: string;
}

interface Answer {
  isTheft: boolean;
  status: number;
  /** What the answer brings; the refresh token stays where it brings none. */
  tokens: Partial<Tokens>;
}

interface Step {
  waitMs: number;
  by: 'owner' | 'thief';
  /** How long the request and the answer are under way. */
  requestMs: number;
  answerMs: number;
  isLost: boolean;
  /** Whether the access token of the answer is used, which shows that it arrived. */
  isUsed: boolean;
}

const waits = fc.oneof(
  fc.constantFrom(0, 0, 1, GRACE_PERIOD_MS, 3 * GRACE_PERIOD_MS, HOUR_MS, 24 * HOUR_MS),
  fc.integer({ min: 0, max: 4 * GRACE_PERIOD_MS }),
);
const transit = fc.oneof(
  fc.constantFrom(0, 0, 1, GRACE_PERIOD_MS - 1),
  fc.integer({ min: 0, max: GRACE_PERIOD_MS - 1 }),
);

function steps(by: readonly Step['by'][], maxLength: number): fc.Arbitrary<Step[]> {
  const step = fc.record({
    waitMs: waits,
    by: fc.constantFrom(...by),
    requestMs: transit,
    answerMs: transit,
    isLost: fc.constantFrom(false, false, true),
    isUsed: fc.boolean(),
  });
  return fc.array(step, { minLength: 1, maxLength });
}

/** Things that happen at their times, on a clock that is moved from one to the next. */
class Timeline {
  private events: { atMs: number; happen: () => void | Promise<void> }[] = [];

  constructor(private readonly clock: FakeClock) {}

  add(atMs: number, happen: () => void | Promise<void>): void {
    this.events.push({ atMs, happen });
    this.events.sort((a, b) => a.atMs - b.atMs);
  }

  async play(): Promise<void> {
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
      this.clock.advanceMs(next.atMs - this.clock.now());
      await next.happen();
    }
  }
}

describe('over random schedules against a real server', () => {
  let booted: BootedApp;
  let thefts = 0;
  let sessionNumber = 0;
  beforeAll(async () => {
    booted = await bootApp({ sessions: { refreshTokenLifetime: '3650d' } });
    booted.app.get(SessionEventBus).on('theftDetected', () => void (thefts += 1));
  });
  afterAll(() => booted.close());

  async function logIn(): Promise<Tokens> {
    const session = await booted.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', `user-${(sessionNumber += 1)}`);
    return { refresh: refreshTokenOf(session), access: session.getAccessToken() };
  }

  async function refresh({ refresh: token }: Tokens): Promise<Answer> {
    const { headers, json, status } = await send(`${booted.url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' },
    });
    const [next, access] = [headers['st-refresh-token'], headers['st-access-token']];
    const tokens = {
      ...(typeof next === 'string' ? { refresh: next } : {}),
      ...(typeof access === 'string' ? { access } : {}),
    };
    return { status, isTheft: JSON.stringify(json).includes('theft'), tokens };
  }

  async function use({ access }: Tokens): Promise<boolean> {
    const { app } = booted;
    const isGood = await app
      .get(SessionService)
      .getSessionWithoutRequestResponse(access ?? '')
      .then(
        () => true,
        () => false,
      );
    await app.get(ArrivalQueue).flush();
    return isGood;
  }

  it('a client alone is never taken for a thief, whatever is lost, doubled or under way for less than a grace period', async () => {
    await fc.assert(
      fc.asyncProperty(steps(['owner'], 20), async (schedule) => {
        const before = thefts;
        const client = await logIn();
        const timeline = new Timeline(booted.clock);
        let atMs = booted.clock.now();
        for (const { waitMs, requestMs, answerMs, isLost, isUsed } of schedule) {
          atMs += waitMs;
          timeline.add(atMs, () => {
            const sent = { ...client };
            timeline.add(booted.clock.now() + requestMs, async () => {
              const { status, tokens } = await refresh(sent);
              expect(status).toBe(200);
              if (isLost) return;
              timeline.add(booted.clock.now() + answerMs, async () => {
                Object.assign(client, tokens);
                if (isUsed) await use(client);
              });
            });
          });
        }
        await timeline.play();
        expect(thefts).toBe(before);
      }),
      { numRuns: RUNS },
    );
  });

  it('of an owner and a thief who hold one token, whoever falls behind is found out, always', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(['owner'], 5),
        steps(['owner', 'thief'], 12),
        async (before, after) => {
          const knownThefts = thefts;
          const owner = await logIn();
          for (const step of before) {
            booted.clock.advanceMs(step.waitMs);
            Object.assign(owner, (await refresh(owner)).tokens);
            if (step.isUsed) await use(owner);
          }
          const holders = { owner, thief: { ...owner } };
          let isFound = false;
          const act = async ({ by, isLost, isUsed }: Pick<Step, 'by' | 'isLost' | 'isUsed'>) => {
            if (isFound) return;
            const answer = await refresh(holders[by]);
            isFound = answer.isTheft;
            if (!isFound && !isLost) Object.assign(holders[by], answer.tokens);
            if (isUsed) await use(holders[by]);
          };
          for (const step of after) {
            booted.clock.advanceMs(step.waitMs);
            await act(step);
          }
          // From now on both go on as clients do; before either has had three more tokens, one is found out.
          for (let round = 0; round < 3; round += 1) {
            for (const by of ['owner', 'thief'] as const) {
              booted.clock.advanceMs(3 * GRACE_PERIOD_MS);
              await act({ by, isLost: false, isUsed: true });
            }
          }
          expect(isFound).toBe(true);
          expect(thefts).toBe(knownThefts + 1);
          for (const holder of [holders.owner, holders.thief]) {
            expect((await refresh(holder)).status).toBe(401);
            expect(await use(holder)).toBe(false);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
