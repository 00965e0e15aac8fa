import { Injectable } from '@nestjs/common';
import { SessionException } from '../errors/session.exception.js';
import { asHttpRequest, headerOf } from './context/http-request.js';
import { areHeadersSent, asHttpResponse, setHeader } from './context/http-response.js';
import { keepOutOfCaches } from './transport/no-store.js';
import { TokenWriter } from './transport/token-writer.js';

/** Writes to a response what goes with a session error beside its status and body. */
@Injectable()
export class FailureAnswer {
  // The guard and the filter both come by: each error is answered once.
  private readonly answered = new WeakMap<object, unknown>();

  constructor(private readonly writer: TokenWriter) {}

  writeTo(request: unknown, response: unknown, error: unknown): void {
    if (!(error instanceof SessionException)) return;
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
    if (this.answered.get(httpResponse) === error) return;
    this.answered.set(httpResponse, error);
    if (areHeadersSent(httpResponse)) return;
    keepOutOfCaches(httpResponse);
    if (error.clearTokens) this.writer.clearAll(httpRequest, httpResponse);
    if (error.retryAfterSeconds !== undefined) {
      setHeader(httpResponse, 'retry-after', String(error.retryAfterSeconds));
    }
    // RFC 6750 §3, for clients that present their token in this header, and without a word on what was wrong with it.
    if (error.getStatus() === 401 && headerOf(httpRequest, 'authorization') !== undefined) {
      setHeader(httpResponse, 'www-authenticate', 'Bearer error="invalid_token"');
    }
  }
}
