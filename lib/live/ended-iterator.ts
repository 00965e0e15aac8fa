import type { SessionEndedException } from '../errors/session-ended.exception.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
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
  const waiting = new Set<() => void>();
  const wake = (): void => waiting.forEach((each) => each());
  const watching = OpenClaims.watch(session, asked, (end) => {
    ({ error } = end);
    wake();
  });
  const finish = (): void => {
    isDone = true;
    watching[Symbol.dispose]();
    // A reader that waits at this moment would wait forever.
    wake();
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
      try {
        const found = await untilWoken(events.next(), waiting);
        if (found === undefined) return await last();
        if (found.done === true) finish();
        return found;
      } catch (failure) {
        finish();
        throw failure;
      }
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

/**
 * The result of some work, or `undefined` if its waiter is woken first. A race with one promise that lasts as long as
 * the subscription would keep every event until then.
 */
function untilWoken<T>(work: Promise<T>, waiting: Set<() => void>): Promise<T | undefined> {
  return new Promise<T | undefined>((resolve, reject) => {
    const wake = (): void => resolve(undefined);
    waiting.add(wake);
    const settle = (): void => void waiting.delete(wake);
    Promise.resolve(work).finally(settle).then(resolve, reject);
  });
}
