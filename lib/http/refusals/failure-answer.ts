import { Injectable, Optional } from '@nestjs/common';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import { SessionException } from '../../errors/session.exception.js';
import { AntiCsrf } from '../anti-csrf/anti-csrf.js';
import { asHttpRequest, headerOf, type HttpRequest } from '../context/http-request.js';
import {
  addToListHeader,
  areHeadersSent,
  asHttpResponse,
  setHeader,
  type HttpResponse,
} from '../context/http-response.js';
import { keepOutOfCaches } from '../transport/no-store.js';
import { TokenWriter } from '../transport/token-writer.js';

// Earlier cookie options may have left one of the cookies. No later login could take it away.
const AMBIGUOUS: ReadonlySet<RefusalReason> = new Set([
  'access-token-ambiguous',
  'refresh-token-ambiguous',
]);

/** Completes the response to a session error, apart from status and body. */
@Injectable()
export class FailureAnswer {
  // The guard and the filter both call this, but each error is answered once.
  private readonly answered = new WeakMap<object, unknown>();

  /** @param writer absent in a service that only reads sessions, because it never removes tokens */
  constructor(
    private readonly antiCsrf: AntiCsrf,
    @Optional() private readonly writer?: TokenWriter,
  ) {}

  writeTo(request: unknown, response: unknown, error: unknown): void {
    if (!(error instanceof SessionException)) return;
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
    if (this.answered.get(httpResponse) === error) return;
    this.answered.set(httpResponse, error);
    if (areHeadersSent(httpResponse)) return;
    keepOutOfCaches(httpResponse);
    if (error.clearTokens) this.clearTokens(httpRequest, httpResponse, error);
    else if (AMBIGUOUS.has(error.reason) && this.antiCsrf.provesOwnPage(httpRequest)) {
      this.writer?.clearOtherPaths(httpRequest, httpResponse);
    }
    if (error.retryAfterSeconds !== undefined) {
      setHeader(httpResponse, 'retry-after', String(error.retryAfterSeconds));
      // Otherwise pages on other origins can't read it (Fetch §3.2.5).
      addToListHeader(httpResponse, 'access-control-expose-headers', ['retry-after']);
    }
    // RFC 6750 §3, for clients that use this header. It does not say what was wrong with the token.
    if (error.getStatus() === 401 && headerOf(httpRequest, 'authorization') !== undefined) {
      setHeader(httpResponse, 'www-authenticate', 'Bearer error="invalid_token"');
    }
  }

  private clearTokens(
    request: HttpRequest,
    response: HttpResponse,
    { refusedSession }: SessionException,
  ): void {
    const isFormer = this.writer?.bringsAnother(response, refusedSession?.sessionHandle);
    if (isFormer !== true) this.writer?.clearAll(request, response);
  }
}
