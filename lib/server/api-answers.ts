// By default, Next.js shares the results of `fetch` between all users. Not every `fetch` knows the option.
export const UNCACHED: object = { cache: 'no-store' };

/** The error of an API that could not answer. */
export const failure = ({ status }: Response) =>
  new Error(`the API of the sessions answered ${status}`);
