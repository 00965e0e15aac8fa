import { immediateValidator } from './immediate-validator.js';

/**
 * A validator for a session that is bound to a key of its device. The token shows this with `cnf`, which no login can
 * set.
 */
export const boundSessionValidator = immediateValidator({
  id: 'bound',
  validate: ({ cnf }) =>
    cnf === undefined
      ? { isValid: false, reason: { message: 'session is not bound to a device' } }
      : { isValid: true },
});
