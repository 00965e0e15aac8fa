import { generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import jsonwebtoken from 'jsonwebtoken';
import Session from 'supertokens-node/recipe/session/index.js';
import type { TypeInput } from 'supertokens-node/types';

/**
 * Stands in for SuperTokens' core server, and flatters supertokens-node: the SDK asks for the public key once and finds
 * it at once, on the same machine, and no core needs any CPU beside it.
 */
export async function startCoreStandIn(): Promise<{ url: string; accessToken: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = `d-${Date.now()}`;
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
  const server = createServer((request, response) => {
    const body = request.url?.startsWith('/apiversion') ? { versions: ['5.4'] } : { keys: [jwk] };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, accessToken: signAccessToken(privateKey, kid) };
}

export function superTokensOptions<Framework extends 'express' | 'fastify'>(
  url: string,
  framework: Framework,
): TypeInput & { framework: Framework } {
  return {
    framework,
    supertokens: { connectionURI: url },
    appInfo: {
      appName: 'bench',
      apiDomain: 'https://api.example.com',
      websiteDomain: 'https://www.example.com',
    },
    recipeList: [Session.init({ antiCsrf: 'NONE' })],
    telemetry: false,
  };
}

/** The cookies that a browser would send, of the lengths that theirs have. */
export function superTokensCookies(accessToken: string): string {
  return `sAccessToken=${accessToken}; sRefreshToken=${randomBytes(240).toString('base64url')}`;
}

// What their core signs: version 5, by a dynamic key.
function signAccessToken(privateKey: KeyObject, kid: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    sub: 'user-1',
    rsub: 'user-1',
    tId: 'public',
    sessionHandle: randomUUID(),
    refreshTokenHash1: randomBytes(32).toString('hex'),
    parentRefreshTokenHash1: null,
    antiCsrfToken: null,
    iss: 'https://api.example.com/auth',
    stt: 0,
    iat: seconds,
    exp: seconds + 24 * 3600,
  };
  return jsonwebtoken.sign(claims, privateKey, {
    algorithm: 'RS256',
    header: { alg: 'RS256', kid, typ: 'JWT', version: '5' } as jsonwebtoken.JwtHeader,
  });
}
