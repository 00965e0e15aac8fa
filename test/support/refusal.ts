import { expect } from 'vitest';
import type { Answer } from './http-client.js';
import { ACCESS_COOKIE, REFRESH_COOKIE, type Scene } from './scene.js';

export const UNAUTHORISED = {
  status: 401,
  body: { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
};
export const TRY_REFRESH = {
  status: 401,
  body: { statusCode: 401, code: 'TRY_REFRESH_TOKEN', message: 'try refresh token' },
};
export const THEFT = {
  status: 401,
  body: { statusCode: 401, code: 'TOKEN_THEFT_DETECTED', message: 'token theft detected' },
};
export const REPLACED = {
  status: 503,
  body: { statusCode: 503, code: 'SESSION_REPLACED', message: 'session replaced' },
};

/** A refusal as the client sees it. */
export interface Refusal {
  readonly status: number;
  readonly body: object;
}

const CLEARED_ATTRIBUTES =
  '=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax';

/** The lines that remove both cookies. */
export const CLEARED_COOKIES = [ACCESS_COOKIE, REFRESH_COOKIE].map(
  (name) => name + CLEARED_ATTRIBUTES,
);

/** No token comes with this answer, and none is taken away. */
export function expectTokensUntouched(answer: Answer): void {
  expect(answer.setCookies).toEqual([]);
  const names = ['front-token', 'anti-csrf', 'st-access-token', 'st-refresh-token'];
  expect(names.filter((name) => name in answer.headers)).toEqual([]);
}

/** Every token goes from the client: cookies, headers and what its page can read. */
export function expectTokensCleared(answer: Answer): void {
  expect(answer.setCookies).toEqual(CLEARED_COOKIES);
  expect(answer.headers).toMatchObject({
    'front-token': 'remove',
    'st-access-token': '',
    'st-refresh-token': '',
    'access-control-expose-headers': 'front-token, st-access-token, st-refresh-token',
  });
  expect(answer.headers).not.toHaveProperty('anti-csrf');
}

/** Status, exact body, and that no cache keeps it. */
export function expectAnswer(answer: Answer, { status, body }: Refusal): void {
  expect({ status: answer.status, body: answer.json }).toEqual({ status, body });
  expect(answer.headers['cache-control']).toBe('no-store');
}

/** The whole contract of a refusal: it says what it says and does nothing else, neither here nor to anybody else. */
export function expectRefused(
  scene: Scene,
  request: () => Promise<Answer>,
  refusal: Refusal,
): Promise<void> {
  return expectEachRefused(scene, [request], refusal);
}

/** The same for several requests, one after the other. */
export async function expectEachRefused(
  scene: Scene,
  requests: readonly (() => Promise<Answer>)[],
  refusal: Refusal,
): Promise<void> {
  await expectNothingChanged(scene, async () => {
    for (const request of requests) {
      const answer = await request();
      expectAnswer(answer, refusal);
      expectTokensUntouched(answer);
    }
  });
}

/** A refusal that also takes the tokens away, because the session has been proven dead. */
export async function expectRefusedAndCleared(
  scene: Scene,
  request: () => Promise<Answer>,
  refusal: Refusal,
): Promise<void> {
  await expectNothingChanged(scene, async () => {
    const answer = await request();
    expectAnswer(answer, refusal);
    expectTokensCleared(answer);
  });
}

/** No row of any table changes, no handler is reached, and somebody else's session goes on. */
export async function expectNothingChanged(scene: Scene, act: () => Promise<void>): Promise<void> {
  const { reached } = scene;
  const before = await scene.rows();
  await act();
  expect(await scene.rows()).toEqual(before);
  expect(scene.reached).toBe(reached);
  await scene.expectBystanderToStay();
}
