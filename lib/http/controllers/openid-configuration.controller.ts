import {
  Controller,
  Get,
  Inject,
  NotFoundException,
  Res,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { openIdConfiguration } from '../../keys/openid-configuration.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { asHttpResponse, setHeader } from '../context/http-response.js';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';

/** `GET {base}/.well-known/openid-configuration`, served once `issuer` is set. */
export function openIdConfigurationController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class OpenIdConfigurationController {
    constructor(
      @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
      private readonly host: HttpAdapterHost,
    ) {}

    @Get(BUILT_IN_ROUTES.openIdConfiguration)
    @decorated
    configuration(@Res() response: object): void {
      const { issuer, signing } = this.options;
      if (issuer === undefined) throw new NotFoundException();
      setHeader(asHttpResponse(response), 'access-control-allow-origin', '*');
      // An interceptor of the application may wrap what handlers return, but services read this.
      this.host.httpAdapter.reply(response, openIdConfiguration(issuer, signing.algorithm));
    }
  }
  return OpenIdConfigurationController;
}
