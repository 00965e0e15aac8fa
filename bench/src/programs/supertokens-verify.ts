import SuperTokens from 'supertokens-node';
import Session from 'supertokens-node/recipe/session/index.js';
import { answerRuns } from '../operation.js';
import { SESSIONS, verifyInTurn, type Way } from '../request-inputs.js';
import { startCoreStandIn, superTokensCookies, superTokensOptions } from '../supertokens.js';

answerRuns(async (way: Way) => {
  const core = await startCoreStandIn();
  SuperTokens.init(superTokensOptions(core.url, 'express'));
  const tokens = Array.from({ length: SESSIONS }, (_, index) => {
    const accessToken = core.logIn(`user-${index}`);
    return { accessToken, cookies: superTokensCookies(accessToken) };
  });
  return verifyInTurn(way, tokens, {
    request: (request, response) => Session.getSession(request, response),
    token: (token) => Session.getSessionWithoutRequestResponse(token),
  });
});
