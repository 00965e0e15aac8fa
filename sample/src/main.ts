import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Logger } from 'nestjs-pino';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { join } from 'node:path';
import { AppModule } from './app.module.js';
import { listen } from './listen.js';
import { securityHeaders } from './security-headers.js';
import { settings } from './settings.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  bufferLogs: true,
});
app.useLogger(app.get(Logger));
app.enableShutdownHooks();
app.use(securityHeaders);
app.useStaticAssets(join(import.meta.dirname, '../public'), { extensions: ['html'] });

const address = await listen(app, settings.port);
console.log(`\n  The sample is ready: ${address}\n  Its database: ${settings.database}\n`);
