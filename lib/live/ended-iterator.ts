import type { SessionEndedException } from '../errors/session-ended.exception.js';
import type { VerifySessionOptions } from '../http/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { OpenClaims } from './open-claims.js';

/**
 * Ends the events of a subscription with its session.
 *
 * @param asEvent whether the error comes on reading the last event, so that the subscription then completes. Otherwise
 * it is thrown, which itself ends the subscription
 */
export function iteratorEndedWithSession(
  events: AsyncIterator<unknown>,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  asEvent: boolean,
): AsyncIterableIterator<unknown> {
  let error: SessionEndedException | undefined;
  let isDone = false;
  const { promise: ended, resolve: tell } = promiseToResolve();
  const watching = OpenClaims.watch(session, asked, (end) => {
    ({ error } = end);
    tell();
  });
  const finish = (): void => {
    isDone = true;
    watching[Symbol.dispose]();
    // A reader that waits at this moment would wait forever.
    tell();
  };
  const last = async (): Promise<IteratorResult<unknown>> => {
    const cause = error;
    const wasDone = isDone;
    finish();
    // A source that waits for its next event answers only after that event.
    void Promise.resolve(events.return?.()).catch(() => undefined);
    if (wasDone || cause === undefined) return { done: true, value: undefined };
    if (asEvent) return { done: false, value: unreadable(cause) };
    throw cause;
  };
  return {
    async next() {
      if (isDone) return { done: true, value: undefined };
      if (error !== undefined) return last();
      const found = await Promise.race([events.next(), ended]);
      if (found === undefined) return last();
      if (found.done === true) finish();
      return found;
    },
    async return(value?: unknown) {
      finish();
      await events.return?.(value);
      return { done: true, value };
    },
    async throw(reason?: unknown) {
      finish();
      return (await events.throw?.(reason)) ?? { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

// GraphQL reads the subscription's field of an event. Only there does an error become an answer.
function unreadable(error: Error): object {
  const refuse = (): never => {
    throw error;
  };
  return new Proxy(
    {},
    { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse },
  );
}

// `Promise.withResolvers` exists since Node 22.
function promiseToResolve(): { promise: Promise<undefined>; resolve: () => void } {
  let settle: (value: undefined) => void;
  const promise = new Promise<undefined>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: () => settle(undefined) };
}
