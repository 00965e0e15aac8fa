import { Controller, Get, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { unreadableKey } from '../../keys/key-loader.js';
import { KeyRing } from '../../keys/key-ring.js';
import { asHttpResponse, setHeader } from '../context/http-response.js';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';

/** `GET {base}/jwt/jwks.json`. */
export function jwksController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class JwksController {
    constructor(
      private readonly keys: KeyRing,
      private readonly host: HttpAdapterHost,
    ) {}

    @Get(BUILT_IN_ROUTES.jwks)
    @decorated
    jwks(@Res() response: object): void {
      // Verifiers would keep a set without the keys, and refuse every token meanwhile.
      if (this.keys.isJwksIncomplete) throw unreadableKey('dynamic');
      const { keys, validityInSeconds } = this.keys.jwks();
      const httpResponse = asHttpResponse(response);
      // Public keys are for everybody, regardless of the application's own CORS policy.
      setHeader(httpResponse, 'access-control-allow-origin', '*');
      setHeader(
        httpResponse,
        'cache-control',
        `public, max-age=${validityInSeconds}, must-revalidate`,
      );
      // An interceptor of the application may wrap what handlers return, but services read this.
      this.host.httpAdapter.reply(response, { keys });
    }
  }
  return JwksController;
}
