import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Logger } from 'nestjs-pino';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveApiDocs } from './api-docs/serve-api-docs.js';
import { AppModule } from './app.module.js';
import { listen } from './listen.js';
import { securityHeaders } from './security-headers.js';
import { settings } from './settings.js';

const { tls } = settings;
const httpsOptions = tls && { cert: readFileSync(tls.cert), key: readFileSync(tls.key) };

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  bufferLogs: true,
  ...(httpsOptions && { httpsOptions }),
});
app.useLogger(app.get(Logger));
app.enableShutdownHooks();
app.use(securityHeaders);
app.useStaticAssets(join(import.meta.dirname, '../public'), { extensions: ['html'] });
serveApiDocs(app);

const address = await listen(app, settings.host, settings.port);
console.log(`\n  The sample is ready: ${address}\n  Its database: ${settings.database}\n`);
