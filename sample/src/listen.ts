import type { INestApplication } from '@nestjs/common';
import { createServer } from 'node:net';

const USUAL_PORT = 3000;

// The demo users' passwords are public, so nobody but this machine gets to the sample.
const HOST = '127.0.0.1';

/**
 * Listens on the port that was asked for; where none was, on 3000 or, when that is taken, on a free one.
 *
 * @returns the address to open
 * @throws {Error} when the port that was asked for can't be had
 */
export async function listen(app: INestApplication, port: number | undefined): Promise<string> {
  if (port === undefined) {
    await app.listen((await isFree(USUAL_PORT)) ? USUAL_PORT : 0, HOST);
  } else {
    await app.listen(port, HOST);
  }
  return app.getUrl();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}
