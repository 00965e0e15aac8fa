import { SessionException } from './session.exception.js';

/**
 * No session can be made from an argument. It may have the wrong type, or be an empty or over-long id, a reserved
 * claim, or too large a payload. Nothing was written. Such values often come from a form, so the answer is 400 unless
 * the application catches this. The message names the argument and what is allowed, never its value.
 *
 * @publicApi
 */
export class SessionInputException extends SessionException {
  readonly code = 'SESSION_INPUT';

  constructor(
    /** The name of the wrong argument, as in the function's signature. */
    readonly argument: string,
    problem: string,
  ) {
    super({
      code: 'SESSION_INPUT',
      reason: 'input',
      body: { message: `${argument} ${problem}` },
    });
  }
}
