import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import { isClosed } from '../session/container/closing.js';
import { isEndedByItself, unlessEndedByItself } from '../session/container/own-ends.js';
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
      const timer = setTimeout(() => cut(response), READ_WITHIN_MS);
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
 *
 * @param source the file of the answer, unless the handler itself writes the answer
 */
export function cutOffWithSession(
  response: ServerResponse,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  source?: Readable,
): void {
  if (isClosed(response)) return;
  const cutOff = (): void => {
    if (source === undefined && !response.headersSent) return refuseToStream(response, session);
    cut(response);
    source?.destroy();
  };
  const watching = OpenClaims.watch(session, asked, () => unlessEndedByItself(session, cutOff));
  response.once('close', () => watching[Symbol.dispose]());
}

/**
 * Cuts a file off if its session ends first.
 *
 * @throws {SessionEndedException} if the session has ended already, so that the client learns why
 */
export function cutOffFile(
  response: ServerResponse,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  file: Readable,
): void {
  if (session.ended.aborted && !isEndedByItself(session)) {
    file.destroy();
    session.ended.throwIfAborted();
  }
  cutOffWithSession(response, session, asked, file);
}

function refuseToStream(response: ServerResponse, session: ReadonlySession): void {
  const write = response.write.bind(response) as (...given: unknown[]) => boolean;
  response.write = (...given: unknown[]) => {
    // The handler may have logged its user in again since then.
    if (isEndedByItself(session)) return write(...given);
    cut(response);
    return false;
  };
}

// A response of HTTP/2 that is destroyed looks whole to its client.
function cut(response: ServerResponse & { readonly stream?: ServerHttp2Stream }): void {
  if (response.stream === undefined) response.destroy();
  else response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}
