// By default, Next.js shares the results of `fetch` between all users. Not every `fetch` knows the option.
export const UNCACHED: object = { cache: 'no-store' };

/** The error of an API that could not answer. */
export const failure = ({ status }: Response) =>
  new Error(`the API of the sessions answered ${status}`);

/** The error of an API whose sessions a page server can't refresh. */
export const byToken = () =>
  new Error('the API has `antiCsrf` VIA_TOKEN, by which no page server can refresh');
