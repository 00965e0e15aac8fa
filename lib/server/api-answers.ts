import { LIMIT_MS } from './time-limit.js';

/** An answer of the API, and its text. An unread answer would hold its connection. */
export type ReadAnswer = Promise<readonly [Response, string]>;

// By default, Next.js shares the results of `fetch` between all users. Not every `fetch` knows the option. A `fetch` that
// follows a redirect keeps the cookies of its last answer alone, and turns a POST into a GET.
export const API_CALL: object = { cache: 'no-store', redirect: 'manual' };

/** Asks the API for something else than a visitor does. */
export async function askApi(url: string, init?: RequestInit): ReadAnswer {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const answer = await fetch(url, { ...API_CALL, ...init, signal });
  return [answer, await answer.text()];
}

/** The error of an API that could not answer. */
export const failure = ({ status }: Response) =>
  new Error(`the API of the sessions answered ${status}`);
