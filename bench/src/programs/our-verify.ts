import { SessionService, type SessionModuleOptions } from 'nestjs-auth-sessions';
import { emptyResponse, requestWithCookies } from '../fake-request.js';
import { answerRuns, type Operation } from '../operation.js';
import { cookieHeader, IN_MEMORY, startOurs } from '../our-application.js';

const OPTIONS: Readonly<Record<'warm' | 'first' | 'checkDatabase', SessionModuleOptions>> = {
  warm: {},
  // It never finds a token again where two take turns, and does all else that a first verification does.
  first: { verifiedTokenCache: { max: 1 } },
  checkDatabase: {},
};

answerRuns(
  async (how: 'warm' | 'first' | 'checkDatabase', algorithm: 'ES256' | 'RS256' = 'ES256') => {
    const app = await startOurs(IN_MEMORY, { ...OPTIONS[how], signing: { algorithm } });
    const sessions = app.get(SessionService);
    const cookies = [await login(sessions), await login(sessions)];
    const asked = { checkDatabase: how === 'checkDatabase' };
    let turn = 0;
    const operation: Operation = () => {
      turn = how === 'first' ? 1 - turn : 0;
      const request = requestWithCookies(cookies[turn] ?? '');
      return sessions.getSession(request, emptyResponse(), asked);
    };
    return operation;
  },
);

async function login(sessions: SessionService): Promise<string> {
  const session = await sessions.createNewSessionWithoutRequestResponse('public', 'user-1');
  const { accessToken, refreshToken = '' } = session.getAllSessionTokensDangerously();
  return cookieHeader(accessToken, refreshToken);
}
