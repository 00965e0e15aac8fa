import { generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import jsonwebtoken from 'jsonwebtoken';
import Session from 'supertokens-node/recipe/session/index.js';
import type { TypeInput } from 'supertokens-node/types';

export interface CoreStandIn {
  readonly url: string;
  /** A session of a user's, as their core would begin it; its roles in the token where it has any. */
  readonly logIn: (userId: string, roles?: readonly string[]) => string;
}

/**
 * Stands in for SuperTokens' core server, and flatters supertokens-node: the SDK asks for the public key once and finds
 * it at once, on the same machine, and no core needs any CPU beside it.
 */
export async function startCoreStandIn(): Promise<CoreStandIn> {
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
  const logIn = (userId: string, roles?: readonly string[]) =>
    signAccessToken(privateKey, kid, userId, roles);
  return { url: `http://127.0.0.1:${port}`, logIn };
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
function signAccessToken(
  privateKey: KeyObject,
  kid: string,
  userId: string,
  roles?: readonly string[],
): string {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    sub: userId,
    rsub: userId,
    tId: 'public',
    sessionHandle: randomUUID(),
    refreshTokenHash1: randomBytes(32).toString('hex'),
    parentRefreshTokenHash1: null,
    antiCsrfToken: null,
    iss: 'https://api.example.com/auth',
    stt: 0,
    iat: seconds,
    exp: seconds + 24 * 3600,
    ...(roles === undefined ? {} : { 'st-role': { v: roles, t: seconds * 1000 } }),
  };
  return jsonwebtoken.sign(claims, privateKey, {
    algorithm: 'RS256',
    header: { alg: 'RS256', kid, typ: 'JWT', version: '5' } as jsonwebtoken.JwtHeader,
  });
}
