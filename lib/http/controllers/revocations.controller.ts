import { AsyncResource } from 'node:async_hooks';
import { Controller, Get, Query, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import {
  FEED_AGE_HEADER,
  FEED_HELD_HEADER,
  FEED_TIME_HEADER,
} from '../../revocation/feed-answer.js';
import { asHttpRequest, headerOf } from '../context/http-request.js';
import {
  areHeadersSent,
  asHttpResponse,
  endConnection,
  removeHeader,
  setHeader,
} from '../context/http-response.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FeedAccess } from '../feed/feed-access.js';
import { HeldPolls } from '../feed/held-polls.js';
import { preferredWait } from '../feed/preferred-wait.js';
import { PublishedFeed, type PublishedAnswer } from '../feed/published-feed.js';

/** The common properties of Express' and Fastify's responses, apart from headers. */
interface SendingResponse {
  status(code: number): SendingResponse;
  send(body?: string): unknown;
}

// No page has the secret, so no page may read the answer, regardless of the application's CORS policy.
const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
];

/** `GET {base}/revocations`, for services without a database to poll. */
export function revocationsController(
  basePath: string,
  decorated: MethodDecorator,
  secrets: readonly string[],
): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class RevocationsController {
    constructor(
      private readonly access: FeedAccess,
      private readonly feed: PublishedFeed,
      private readonly held: HeldPolls,
    ) {}

    @Get(BUILT_IN_ROUTES.revocations)
    @decorated
    async revocations(
      @Req() request: unknown,
      @Res() response: SendingResponse,
      @Query('cursor') cursor: unknown,
    ): Promise<void> {
      const httpResponse = asHttpResponse(response);
      for (const name of CORS_HEADERS) removeHeader(httpResponse, name);
      if (!this.access.isGranted(request, secrets)) await this.access.refuse(request);
      const headers = asHttpRequest(request);
      const known = headerOf(headers, 'if-none-match');
      const answer = this.feed.answer(cursor, known);
      const seconds = preferredWait(headerOf(headers, 'prefer'));
      if (answer.body !== undefined || seconds === 0) {
        send(response, answer, { heldMs: 0, isLast: this.held.isStopped });
        return;
      }
      const heldSinceMs = performance.now();
      // Its errors and its context must be those of this request, not of whoever has brought the news.
      const sendLater = AsyncResource.bind(async (): Promise<void> => {
        const heldMs = Math.round(performance.now() - heldSinceMs);
        const isLast = this.held.isStopped;
        send(response, this.feed.answer(cursor, known), { heldMs, isLast });
      });
      await new Promise<void>((resolve) => {
        this.held.hold(seconds, () => resolve(sendLater()));
      });
    }
  }
  return RevocationsController;
}

function send(
  response: SendingResponse,
  { body, etag, timeMs, ageMs }: PublishedAnswer,
  { heldMs, isLast }: { heldMs: number; isLast: boolean },
): void {
  const httpResponse = asHttpResponse(response);
  // The application's own time limit may have answered meanwhile.
  if (areHeadersSent(httpResponse)) return;
  // Otherwise a service asks again on this connection, and the server that stops waits for it without end.
  if (isLast) endConnection(httpResponse);
  setHeader(httpResponse, 'cache-control', 'private, no-cache');
  setHeader(httpResponse, 'vary', 'Authorization');
  setHeader(httpResponse, 'etag', etag);
  setHeader(httpResponse, FEED_TIME_HEADER, String(timeMs));
  if (Number.isFinite(ageMs)) setHeader(httpResponse, FEED_AGE_HEADER, String(ageMs));
  if (heldMs > 0) setHeader(httpResponse, FEED_HELD_HEADER, String(heldMs));
  if (body === undefined) response.status(304).send();
  else {
    setHeader(httpResponse, 'content-type', 'application/json; charset=utf-8');
    response.status(200).send(body);
  }
}
