import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { findSessionHolder, isMessage } from '../http/context/execution-context.js';
import { sessionFor } from '../http/current-session.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import { ReadonlySession } from '../session/container/readonly-session.js';
import { shownNow } from './held-connections.js';
import { OpenClaims } from './open-claims.js';

/** Ends the stream that a handler of messages answers with its session, by the error of a refusal. */
export class EndMessageWithSession implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const isOfService = isMessage(context);
    const isAnswered = isOfService || context.getType<string>() === 'ws';
    const holder = isAnswered ? findSessionHolder(context) : undefined;
    const session = holder && sessionFor(holder, context.getHandler())?.session;
    if (!(session instanceof ReadonlySession)) return next.handle();
    // A socket keeps the session of an earlier message, which a handler without a guard did not ask for.
    if (!isOfService && !OpenClaims.isGuarded(context, session)) return next.handle();
    const asked = OpenClaims.askedBy(context, session);
    const isAwaited = isOfService && isStreamedCall(context);
    return streamEndedWithSession(next.handle(), session, asked, isAwaited);
  }
}

/**
 * Nest makes a stream of every answer. One in one piece completes with its value, and goes out even after its session's
 * end: it was asked for while the session lived. So a stream that was silent until then ends in place of its first value.
 *
 * @param isAwaited whether the client expects a stream, which ends even before its first value
 */
function streamEndedWithSession(
  values: Observable<unknown>,
  session: ReadonlySession,
  asked: VerifySessionOptions | undefined,
  isAwaited: boolean,
): Observable<unknown> {
  return new Observable<unknown>((subscriber) => {
    // The values of the turn in which the first one came.
    const first: unknown[] = [];
    let isStream = isAwaited;
    let isWatched = false;
    let ended: Error | undefined;
    const keepBy = (shown: ReadonlySession): void => {
      const watching = OpenClaims.watch(
        shown,
        asked,
        ({ error }) => {
          const now = shownNow(shown);
          if (now !== shown && error.code === 'TRY_REFRESH_TOKEN') keepBy(now);
          else if (isStream) subscriber.error(error);
          else ended = error;
        },
        { isJudged: shown === session },
      );
      subscriber.add(() => watching[Symbol.dispose]());
    };
    const watch = (): void => {
      if (isWatched) return;
      isWatched = true;
      keepBy(session);
    };
    const giveFirst = (): void => {
      for (const value of first.splice(0)) subscriber.next(value);
    };
    if (isAwaited) watch();
    if (subscriber.closed) return;
    // Most answers end in the turn of their handler, and cost no more than this.
    const outlasting = setImmediate(watch);
    subscriber.add(() => clearImmediate(outlasting));
    const subscription = values.subscribe({
      next: (value) => {
        if (isStream) return subscriber.next(value);
        if (first.push(value) > 1) return;
        queueMicrotask(() => {
          if (subscriber.closed) return;
          isStream = true;
          if (ended !== undefined) return subscriber.error(ended);
          watch();
          giveFirst();
        });
      },
      error: (error: unknown) => {
        giveFirst();
        subscriber.error(error);
      },
      complete: () => {
        giveFirst();
        subscriber.complete();
      },
    });
    subscriber.add(subscription);
  });
}

// A call of gRPC whose answer is a stream can be written to. Other transports don't tell.
function isStreamedCall(context: ExecutionContext): boolean {
  const call = context.getArgByIndex<{ readonly write?: unknown } | undefined>(2);
  return typeof call?.write === 'function';
}
