/*
 * A service without a database, as a process of its own with the built package. `verifier-process.ts` starts it with its
 * settings as JSON. A TCP service is asked by messages through the process that started it.
 */
import 'reflect-metadata';
import { Controller, Get } from '@nestjs/common';
import { MessagePattern, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  Clock,
  CurrentSession,
  SessionVerifierModule,
  VerifySession,
} from '../../dist/verifier/index.js';

const { platform, options, skewMs = 0, port = 0 } = JSON.parse(process.argv[2]);

/** The clock of a machine that is wrong. */
class SkewedClock extends Clock {
  now() {
    return super.now() + skewMs;
  }
}

class OrdersController {
  me(session) {
    return { userId: session.getUserId() };
  }
}
const decorate = (decorators) => {
  const descriptor = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'me');
  for (const each of decorators) each(OrdersController.prototype, 'me', descriptor);
};
Reflect.defineMetadata('design:paramtypes', [Object], OrdersController.prototype, 'me');
CurrentSession()(OrdersController.prototype, 'me', 0);
decorate([VerifySession(), platform === 'tcp' ? MessagePattern('me') : Get('me')]);
Controller()(OrdersController);

const module = await Test.createTestingModule({
  imports: [
    SessionVerifierModule.forRoot({
      ...options,
      ...(platform === 'tcp' ? { messages: { token: (data) => data.token } } : {}),
    }),
  ],
  controllers: [OrdersController],
})
  .overrideProvider(Clock)
  .useValue(new SkewedClock())
  .compile();

if (platform === 'tcp') {
  const app = module.createNestMicroservice({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
    logger: ['fatal'],
  });
  await app.listen();
  process.send({ url: `tcp://127.0.0.1:${port}` });
} else {
  const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = module.createNestApplication(adapter, { logger: ['fatal'] });
  await app.listen(port, '127.0.0.1');
  process.send({ url: await app.getUrl() });
}
process.on('disconnect', () => process.exit());
