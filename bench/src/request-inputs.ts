import { emptyResponse, requestWithCookies } from './fake-request.js';
import { FreshTexts } from './fresh-text.js';
import { onInputs, type OperationOnInputs } from './operation-on-inputs.js';

/** How many sessions are verified in turn. */
export const SESSIONS = 256;

/** More tokens than ours remembers by default: in turn, each is forgotten before it comes again. */
export const TOKENS_NEVER_REMEMBERED = 12_000;

/** How a token comes: in a request's cookie, or cut out by the caller. */
export type Way = 'by request' | 'by token';

type FakeRequest = ReturnType<typeof requestWithCookies>;
type FakeResponse = ReturnType<typeof emptyResponse>;

/** What a session's client sends. */
export interface ClientTokens {
  readonly accessToken: string;
  readonly cookies: string;
}

/** The verifications of sessions in turn, one way or the other. */
export function verifyInTurn(
  way: Way,
  tokens: readonly ClientTokens[],
  verify: {
    request: (request: FakeRequest, response: FakeResponse) => unknown;
    token: (token: string) => unknown;
  },
): OperationOnInputs {
  if (way === 'by token') {
    const texts = new FreshTexts(tokens.map(({ accessToken }) => accessToken));
    return onInputs(() => texts.next(), verify.token);
  }
  const texts = new FreshTexts(tokens.map(({ cookies }) => cookies));
  return onInputs(
    () => ({ request: requestWithCookies(texts.next()), response: emptyResponse() }),
    ({ request, response }) => verify.request(request, response),
  );
}
