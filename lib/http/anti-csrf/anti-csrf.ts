import { Injectable, Inject } from '@nestjs/common';
import { SessionEventBus } from '../../events/session-event-bus.js';
import type { SessionEvents } from '../../events/session-events.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import { Clock } from '../../time/clock.js';
import { isAntiCsrfTokenOf } from '../../tokens/anti-csrf-token.js';
import type { RefreshTokenClaims, RefreshTokenKey } from '../../tokens/refresh-token.js';
import { constantTimeEqual } from '../../tokens/secrets.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import { ANTI_CSRF_HEADER, RID_HEADER } from '../transport/header-names.js';
import type { AuthenticValue } from '../transport/shown-values.js';
import { hasCustomHeader, isCrossSite } from './fetch-metadata.js';

const MAX_TOKEN_LENGTH = 256;

/** The client's half of the proof; `undefined` if no anti-CSRF token is required. */
export type PresentedProof = { readonly presented: string | undefined } | undefined;

interface ReadRefreshToken {
  readonly claims: Pick<RefreshTokenClaims, 'hash' | 'parentHash'>;
  readonly key: RefreshTokenKey;
}

/** Checks that a request with cookie tokens comes from a page that may send it. */
@Injectable()
export class AntiCsrf {
  constructor(
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {}

  /** Checks the request alone. The token is compared later with the session's tokens. */
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

  proofIn(request: HttpRequest): PresentedProof {
    return this.isByToken ? { presented: this.presentedToken(request) } : undefined;
  }

  /** The client's half of the proof. */
  presentedToken(request: HttpRequest): string | undefined {
    return headerOf(request, ANTI_CSRF_HEADER);
  }

  /** Whether one of a request's refresh tokens shows that no other site's page has sent it, as each in a header does. */
  isProvenByOne(
    request: HttpRequest,
    values: readonly AuthenticValue<ReadRefreshToken>[],
  ): boolean {
    if (!this.isByToken) return true;
    const presented = this.presentedToken(request);
    return values.some(
      ({ token, cookie }) =>
        cookie === undefined || isAntiCsrfTokenOf(presented, token.claims, token.key),
    );
  }

  /** Whether the client proves as much as required. */
  isProven(expected: string | null, proof: PresentedProof): boolean {
    return proof === undefined || this.matches(expected, proof.presented);
  }

  /** Compares the client's half with the access token. */
  matches(expected: string | null, presented: string | undefined): boolean {
    return (
      expected !== null &&
      typeof presented === 'string' &&
      presented.length <= MAX_TOKEN_LENGTH &&
      constantTimeEqual(expected, presented)
    );
  }

  /**
   * Whether a request proves that it comes from one of our own pages or from a trusted origin. This is checked before
   * tokens are removed from a client that has proved nothing else, so that no link can log anybody out.
   */
  provesOwnPage(request: HttpRequest): boolean {
    if (headerOf(request, RID_HEADER) !== undefined) return true;
    if (this.options.trustedOrigins.has(headerOf(request, 'origin') ?? '')) return true;
    const site = headerOf(request, 'sec-fetch-site');
    if (site !== undefined) return site === 'same-origin';
    return headerOf(request, 'origin') !== undefined && !isCrossSite(request, this.options);
  }

  /**
   * Whether another site's page can send a refresh like this one without a preflight. Refusing it costs little, and it
   * is not counted, because the page could otherwise use up its visitor's limit.
   */
  isForeign(request: HttpRequest): boolean {
    if (this.options.antiCsrf === 'NONE' || !isCrossSite(request, this.options)) return false;
    const own = ['authorization', RID_HEADER, ANTI_CSRF_HEADER];
    return own.every((name) => headerOf(request, name) === undefined);
  }

  reportFailure(at: SessionEvents['antiCsrfFailed']['at']): void {
    this.events.emit('antiCsrfFailed', { atMs: this.clock.now(), at });
  }
}
