import jsonwebtoken from 'jsonwebtoken';
import { mintTokens, newLimitKeys, newLimitSession } from '../limit/limit-tokens.js';
import { cookieValue, type RememberedSession } from '../limit/minimal-guard.js';
import { answerRuns } from '../operation.js';
import { cookieHeader } from '../our-application.js';
import { SESSIONS, TOKENS_NEVER_REMEMBERED, verifyInTurn, type Way } from '../request-inputs.js';

// By hand: one map and one comparison, or jsonwebtoken; the cookie cut out of the header before, where there is one.
answerRuns(
  async (how: 'map' | 'jsonwebtoken', way: Way, algorithm: 'ES256' | 'RS256' = 'ES256') => {
    const keys = newLimitKeys(algorithm);
    const count = how === 'map' ? SESSIONS : TOKENS_NEVER_REMEMBERED;
    const remembered = new Map<string, RememberedSession>();
    const tokens = Array.from({ length: count }, (_, index) => {
      const session = newLimitSession(`user-${index}`);
      const { accessToken, refreshToken } = mintTokens(session, keys);
      const { userId, expiresAtMs } = session;
      // A key of its own, which shares nothing with the texts that come.
      remembered.set(Buffer.from(accessToken).toString(), { userId, expiresAtMs });
      return { accessToken, cookies: cookieHeader(accessToken, refreshToken) };
    });
    const look = (token: string) => {
      const session = remembered.get(token);
      if (session === undefined || session.expiresAtMs <= Date.now()) throw new Error('unknown');
      return session;
    };
    const check = (token: string) =>
      jsonwebtoken.verify(token, keys.publicKey, { algorithms: [algorithm] });
    const verify = how === 'map' ? look : check;
    return verifyInTurn(way, tokens, {
      request: (request) => {
        const token = cookieValue(request.headers.cookie, '__Host-sAccessToken');
        if (token === undefined) throw new Error('no cookie');
        return verify(token);
      },
      token: verify,
    });
  },
);
