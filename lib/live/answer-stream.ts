import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import type { VerifySessionOptions } from '../http/verify-session-options.js';
import { isClosed } from '../session/container/closing.js';
import { isEndedByItself } from '../session/container/own-ends.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { OpenClaims } from './open-claims.js';

// A client that has not read the rest by then is cut off.
const READ_WITHIN_MS = 1_000;

/** An event of a stream of server-sent events, in Nest's form. */
interface ServerSentEvent {
  readonly type: string;
  readonly data: object;
}

/**
 * Ends a stream of server-sent events with its session, by the event `session-ended`, whose data has the error's code.
 */
export function endedWithSession(
  events: Observable<unknown>,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  response: ServerResponse,
): Observable<unknown> {
  return new Observable<unknown>((subscriber) => {
    const watching = OpenClaims.watch(session, asked, ({ error }) => {
      const last: ServerSentEvent = { type: 'session-ended', data: { code: error.code } };
      subscriber.next(last);
      subscriber.complete();
      const timer = setTimeout(() => response.destroy(), READ_WITHIN_MS);
      timer.unref();
      response.once('close', () => clearTimeout(timer));
    });
    const subscription = events.subscribe(subscriber);
    return () => {
      subscription.unsubscribe();
      watching[Symbol.dispose]();
    };
  });
}

/**
 * Cuts an answer off if its session ends first. An answer in one piece is still sent, because it was requested while
 * the session lived. So is the answer of a handler that itself ends its session.
 */
export function cutOffWithSession(
  response: ServerResponse,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  source?: Readable,
): void {
  if (isClosed(response)) return;
  const watching = OpenClaims.watch(session, asked, () => {
    if (isEndedByItself(session)) return;
    source?.destroy();
    if (response.headersSent) response.destroy();
    else refuseToStream(response);
  });
  response.once('close', () => watching[Symbol.dispose]());
}

function refuseToStream(response: ServerResponse): void {
  response.write = () => {
    response.destroy();
    return false;
  };
}
