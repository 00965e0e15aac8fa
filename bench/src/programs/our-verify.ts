import { SessionService } from 'nestjs-auth-sessions';
import { answerRuns } from '../operation.js';
import { cookieHeader, IN_MEMORY, startOurs } from '../our-application.js';
import {
  SESSIONS,
  TOKENS_NEVER_REMEMBERED,
  verifyInTurn,
  type ClientTokens,
  type Way,
} from '../request-inputs.js';

answerRuns(
  async (
    how: 'warm' | 'first' | 'checkDatabase',
    way: Way,
    algorithm: 'ES256' | 'RS256' = 'ES256',
  ) => {
    const app = await startOurs(IN_MEMORY, { signing: { algorithm } });
    const sessions = app.get(SessionService);
    const count = how === 'first' ? TOKENS_NEVER_REMEMBERED : SESSIONS;
    const tokens: ClientTokens[] = [];
    for (let user = 0; user < count; user += 1) tokens.push(await login(sessions, `user-${user}`));
    if (how !== 'checkDatabase') {
      return verifyInTurn(way, tokens, {
        request: (request, response) => sessions.getSession(request, response),
        token: (token) => sessions.getSessionWithoutRequestResponse(token),
      });
    }
    const asked = { checkDatabase: true };
    return verifyInTurn(way, tokens, {
      request: (request, response) => sessions.getSession(request, response, asked),
      token: (token) => sessions.getSessionWithoutRequestResponse(token, undefined, asked),
    });
  },
);

async function login(sessions: SessionService, userId: string): Promise<ClientTokens> {
  const session = await sessions.createNewSessionWithoutRequestResponse('public', userId);
  const { accessToken, refreshToken = '' } = session.getAllSessionTokensDangerously();
  return { accessToken, cookies: cookieHeader(accessToken, refreshToken) };
}
