import type { KnownRefusals } from './known-refusals.js';
import type { RawAnswer } from './raw-answer.js';
import { SIGN_OUT, type BadRequest } from './wire-request.js';

const TOKEN_HEADERS = [
  'set-cookie',
  'front-token',
  'anti-csrf',
  'st-access-token',
  'st-refresh-token',
];
// How every refresh token and every JWT begins.
const TOKEN = /nasr_|eyJ/;

/** Says what is wrong with an answer; `undefined` where nothing is. */
export class AnswerJudge {
  constructor(private readonly refusals: KnownRefusals) {}

  ofRefusal({ path, method }: BadRequest, answer: RawAnswer): string | undefined {
    const { status, headers, body } = answer;
    const isSignOut = path.endsWith(SIGN_OUT) && method === 'POST';
    if (!(status >= 400 && status < 500) && !(isSignOut && status === 200))
      return `status ${status}`;
    const token = TOKEN_HEADERS.find((name) => headers.has(name));
    if (token !== undefined) return `the header ${token}`;
    if (TOKEN.test(body)) return 'a token in the body';
    return status === 401 ? this.refusals.judge(answer, method === 'HEAD') : undefined;
  }

  ofSuccess(userId: string, { status, body }: RawAnswer): string | undefined {
    const expected = JSON.stringify({ userId });
    return status === 200 && body === expected
      ? undefined
      : `${status} ${body} in place of ${expected}`;
  }
}
