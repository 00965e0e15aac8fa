import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { emptyResponse, requestWithCookies } from '../fake-request.js';
import { mintTokens, NO_PARENT } from '../limit/limit-tokens.js';
import { cookieValue, type RememberedSession } from '../limit/minimal-guard.js';
import { answerRuns } from '../operation.js';
import { cookieHeader } from '../our-application.js';

// By hand: the cookie cut out of the header, and then a map and a comparison, or jsonwebtoken.
answerRuns(async (how: 'map' | 'jsonwebtoken', algorithm: 'ES256' | 'RS256' = 'ES256') => {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const nowMs = Date.now();
  const row = {
    handle: randomUUID(),
    userId: 'user-1',
    generation: 0,
    parentHash: NO_PARENT,
    nowMs,
    expiresAtMs: nowMs,
  };
  const tokens = mintTokens(row, { privateKey, algorithm, macKey: randomBytes(32) });
  const cookies = cookieHeader(tokens.accessToken, tokens.refreshToken);
  const remembered = new Map<string, RememberedSession>();
  remembered.set(tokens.accessToken, { userId: 'user-1', expiresAtMs: nowMs + 3_600_000 });
  return () => {
    const request = requestWithCookies(cookies);
    emptyResponse();
    const token = cookieValue(request.headers.cookie, '__Host-sAccessToken');
    if (token === undefined) throw new Error('no cookie');
    if (how === 'jsonwebtoken') {
      return jsonwebtoken.verify(token, publicKey, { algorithms: [algorithm] });
    }
    const session = remembered.get(token);
    if (session === undefined || session.expiresAtMs <= Date.now()) throw new Error('unknown');
    return session;
  };
});
