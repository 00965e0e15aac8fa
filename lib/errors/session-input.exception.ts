import { SessionException } from './session.exception.js';

/**
 * An argument that no session can be made of: a wrong type, an empty or over-long id, a reserved claim, a payload
 * that is too large. Nothing was written. Since such values often come from a form, it answers 400 where the
 * application does not catch it. The message names the argument and what is allowed, never its value.
 *
 * @publicApi
 */
export class SessionInputException extends SessionException {
  readonly code = 'SESSION_INPUT';

  constructor(
    /** The argument that was wrong, by its name in the function's signature. */
    readonly argument: string,
    problem: string,
  ) {
    super({
      code: 'SESSION_INPUT',
      reason: 'input',
      status: 400,
      body: { message: `${argument} ${problem}` },
    });
  }
}
