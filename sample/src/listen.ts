import type { INestApplication } from '@nestjs/common';
import { createServer } from 'node:net';

const USUAL_PORT = 3000;

/**
 * Listens on the requested port. Without one, it listens on 3000 or, if that is taken, on a free one.
 *
 * @returns the address to open
 * @throws {Error} if the requested port is not available
 */
export async function listen(
  app: INestApplication,
  host: string,
  port: number | undefined,
): Promise<string> {
  if (port === undefined) {
    await app.listen((await isFree(host)) ? USUAL_PORT : 0, host);
  } else {
    await app.listen(port, host);
  }
  return app.getUrl();
}

function isFree(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(USUAL_PORT, host, () => probe.close(() => resolve(true)));
  });
}
