import { Injectable, Inject } from '@nestjs/common';
import { SessionEventBus } from '../../events/session-event-bus.js';
import type { SessionEvents } from '../../events/session-events.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { Clock } from '../../time/clock.js';
import { constantTimeEqual } from '../../tokens/secrets.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import { ANTI_CSRF_HEADER, RID_HEADER } from '../transport/header-names.js';
import { hasCustomHeader, isCrossSite } from './fetch-metadata.js';

const MAX_TOKEN_LENGTH = 256;

/** Checks that a request with its tokens in cookies comes from a page that may send it. */
@Injectable()
export class AntiCsrf {
  constructor(
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** What can be seen from the request alone; the token is compared later, with what the session's tokens say. */
  isAllowed(request: HttpRequest): boolean {
    switch (this.options.antiCsrf) {
      case 'VIA_FETCH_METADATA':
        return !isCrossSite(request, this.options);
      case 'VIA_CUSTOM_HEADER':
        return hasCustomHeader(request, this.options);
      case 'VIA_TOKEN':
      case 'NONE':
        return true;
      default:
        return this.options.antiCsrf satisfies never;
    }
  }

  get isByToken(): boolean {
    return this.options.antiCsrf === 'VIA_TOKEN';
  }

  /** The client's half of the proof. */
  presentedToken(request: HttpRequest): string | undefined {
    return headerOf(request, ANTI_CSRF_HEADER);
  }

  /** Compares the client's half with what the access token says. */
  matches(expected: string | null, presented: string | undefined): boolean {
    return (
      expected !== null &&
      typeof presented === 'string' &&
      presented.length <= MAX_TOKEN_LENGTH &&
      constantTimeEqual(expected, presented)
    );
  }

  /**
   * Whether a request shows that it is a page of our own or of a trusted origin: asked before tokens are removed from a
   * client that has not proven anything else, so that nobody is logged out by a link.
   */
  provesOwnPage(request: HttpRequest): boolean {
    if (headerOf(request, RID_HEADER) !== undefined) return true;
    if (this.options.trustedOrigins.has(headerOf(request, 'origin') ?? '')) return true;
    const site = headerOf(request, 'sec-fetch-site');
    if (site !== undefined) return site === 'same-origin';
    return headerOf(request, 'origin') !== undefined && !isCrossSite(request, this.options);
  }

  reportFailure(at: SessionEvents['antiCsrfFailed']['at']): void {
    this.events.emit('antiCsrfFailed', { atMs: this.clock.now(), at });
  }
}
