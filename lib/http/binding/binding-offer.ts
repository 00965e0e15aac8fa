import { Inject, Injectable } from '@nestjs/common';
import { REGISTRATION_HEADER, registrationHeader } from '../../binding/header-text.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { DeviceChallenges } from '../../session/bind/device-challenges.js';
import { BindRoute } from '../routes/bind-route.js';
import type { HttpRequest } from '../context/http-request.js';
import { setHeader, type HttpResponse } from '../context/http-response.js';
import { TokenWriter } from '../transport/token-writer.js';

/** Asks browsers to bind the session of an answer to their device. Browsers that can't do so ignore it. */
@Injectable()
export class BindingOffer {
  constructor(
    private readonly challenges: DeviceChallenges,
    private readonly writer: TokenWriter,
    private readonly route: BindRoute,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Whether a login makes the offer: only with cookies, and not on plain http. */
  isMadeTo(request: HttpRequest, transferMethod: 'cookie' | 'header'): boolean {
    if (this.options.deviceBinding === false || transferMethod !== 'cookie') return false;
    return this.writer.boundCookieFor(request) !== undefined;
  }

  /** Writes the header of a login. */
  async writeTo(response: HttpResponse, sessionHandle: string): Promise<void> {
    this.write(response, await this.challenges.forRegistration(sessionHandle));
  }

  /** The same with a ready challenge. */
  write(response: HttpResponse, challenge: string): void {
    const { path } = this.route;
    setHeader(response, REGISTRATION_HEADER, registrationHeader({ path, challenge }));
  }
}
