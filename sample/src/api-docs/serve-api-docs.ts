import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { describeSessions } from 'nestjs-auth-sessions/swagger';

/** Serves the document of the API at /docs-json, and a page at /docs that can try it out. */
export function serveApiDocs(app: INestApplication): void {
  const config = new DocumentBuilder().setTitle('The sample').setVersion('1').build();
  const document = SwaggerModule.createDocument(app, config);
  SwaggerModule.setup('docs', app, describeSessions(document, app));
}
