import { immediateValidator } from './immediate-validator.js';

/** The validator behind `@ForbidImpersonation`. */
export const notImpersonatedValidator = immediateValidator({
  id: 'act',
  validate: (payload) =>
    payload['act'] === undefined
      ? { isValid: true }
      : { isValid: false, reason: { message: 'impersonated' } },
});
