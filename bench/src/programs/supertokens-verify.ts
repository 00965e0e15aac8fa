import SuperTokens from 'supertokens-node';
import Session from 'supertokens-node/recipe/session/index.js';
import { emptyResponse, requestWithCookies } from '../fake-request.js';
import { answerRuns } from '../operation.js';
import { startCoreStandIn, superTokensCookies, superTokensOptions } from '../supertokens.js';

answerRuns(async () => {
  const core = await startCoreStandIn();
  SuperTokens.init(superTokensOptions(core.url, 'express'));
  const cookies = superTokensCookies(core.accessToken);
  return () => Session.getSession(requestWithCookies(cookies), emptyResponse());
});
