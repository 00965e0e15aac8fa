import {
  Controller,
  Get,
  Inject,
  NotFoundException,
  Res,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { openIdConfiguration, type OpenIdConfiguration } from '../../keys/openid-configuration.js';
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
    ) {}

    @Get(BUILT_IN_ROUTES.openIdConfiguration)
    @decorated
    configuration(@Res({ passthrough: true }) response: object): OpenIdConfiguration {
      const { issuer, signing } = this.options;
      if (issuer === undefined) throw new NotFoundException();
      setHeader(asHttpResponse(response), 'access-control-allow-origin', '*');
      return openIdConfiguration(issuer, signing.algorithm);
    }
  }
  return OpenIdConfigurationController;
}
