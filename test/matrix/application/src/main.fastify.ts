import { NestFactory } from '@nestjs/core';
import { adapter } from './adapter.js';
import { AppModule } from './app.module.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule, adapter());
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
