import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMap, isSet } from 'node:util/types';
import { afterEach, describe, expect, it } from 'vitest';
import { IssuerClient } from '../../lib/verifier/issuer-client.js';
import { resolveVerifierOptions } from '../../lib/verifier/resolve-verifier-options.js';
import { ISSUER } from '../support/verifier-app.js';

const MOST_BYTES = 1_000;

describe('a request to the issuer', () => {
  const options = { issuer: ISSUER, requestTimeout: '200ms', revocations: false } as const;
  let server: Server;
  let client: IssuerClient;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function issuerThat(answers: RequestListener): Promise<void> {
    client = new IssuerClient(
      resolveVerifierOptions(options, { production: false, kind: undefined }),
    );
    server = createServer(answers);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  function ask(): Promise<unknown> {
    const { port } = server.address() as AddressInfo;
    return client.get(`http://127.0.0.1:${port}/keys`, {}, MOST_BYTES);
  }

  it('leaves nothing behind, however many there are', async () => {
    await issuerThat((_request, response) => void response.end('{}'));
    await ask();
    const afterOne = sizeOf(client);
    for (let i = 0; i < 20; i += 1) await ask();
    expect(sizeOf(client)).toBe(afterOne);
  });

  it('ends with the service, and none begins afterwards', async () => {
    let arrived = 0;
    await issuerThat(() => {
      arrived += 1;
      client.stop();
    });
    await expect(ask()).rejects.toThrow('this service stops');
    await expect(ask()).rejects.toThrow('this service stops');
    expect(arrived).toBe(1);
  });

  it('ends in time, also where the answer has begun', async () => {
    await issuerThat((_request, response) => void response.write('{'));
    await expect(ask()).rejects.toThrow('it takes too long');
  });
});

/** How many objects can be reached from one. */
function sizeOf(root: object): number {
  const seen = new Set<unknown>([root]);
  for (const each of seen) {
    const held = Reflect.ownKeys(each as object).map(
      (key) => Reflect.getOwnPropertyDescriptor(each as object, key)?.value as unknown,
    );
    if (each instanceof AbortController) held.push(each.signal);
    if (isSet(each)) Set.prototype.forEach.call(each, (item) => held.push(item));
    if (isMap(each)) Map.prototype.forEach.call(each, (item, key) => held.push(item, key));
    for (const item of held) if (typeof item === 'object' && item !== null) seen.add(item);
  }
  return seen.size;
}
