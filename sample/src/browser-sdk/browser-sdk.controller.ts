import { Controller, Get, Header } from '@nestjs/common';
import { browserBundle } from './browser-bundle.js';

/** Serves SuperTokens' browser SDK from `node_modules`, so that the pages need no build step and no other host. */
@Controller()
export class BrowserSdkController {
  private readonly source = browserBundle('supertokens-website');

  @Get('supertokens-website.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', 'no-cache')
  script(): string {
    return this.source;
  }
}
