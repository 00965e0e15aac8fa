import { Logger, Injectable } from '@nestjs/common';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { SessionException } from '../errors/session.exception.js';
import { Clock } from '../time/clock.js';
import { asHttpRequest, headerOf } from './context/http-request.js';
import { areHeadersSent, asHttpResponse, setHeader } from './context/http-response.js';
import { keepOutOfCaches } from './transport/no-store.js';
import { TokenWriter } from './transport/token-writer.js';

const OUTAGE_TOLD_EVERY_MS = 60_000;

/** Writes to a response what goes with a session error beside its status and body. */
@Injectable()
export class FailureAnswer {
  private readonly logger = new Logger('SessionModule');
  private outageToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly writer: TokenWriter,
    private readonly clock: Clock,
  ) {}

  writeTo(request: unknown, response: unknown, error: unknown): void {
    if (!(error instanceof SessionException)) return;
    if (error instanceof SessionStoreUnavailableException) this.tellOfOutage(error);
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
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

  // Nest logs no HTTP exception, and a log line for each request would fill the disk that may be the trouble.
  private tellOfOutage({ cause }: SessionStoreUnavailableException): void {
    const nowMs = this.clock.now();
    if (Math.abs(nowMs - this.outageToldAtMs) < OUTAGE_TOLD_EVERY_MS) return;
    this.outageToldAtMs = nowMs;
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    this.logger.error(`Sessions can't reach their database, and answer 503${why}`);
  }
}
