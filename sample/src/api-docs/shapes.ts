import type { ApiBodyOptions, ApiResponseNoStatusOptions } from '@nestjs/swagger';

const TEXT = { type: 'string' };

/** The login form, filled in for one of the demo users. */
export const CREDENTIALS_BODY: ApiBodyOptions = {
  schema: {
    type: 'object',
    required: ['email', 'password'],
    properties: { email: TEXT, password: TEXT },
    example: { email: 'ada@example.com', password: 'analytical-engine' },
  },
};

/** The sign-up form. */
export const SIGN_UP_BODY: ApiBodyOptions = {
  schema: {
    type: 'object',
    required: ['name', 'email', 'password'],
    properties: { name: TEXT, email: TEXT, password: TEXT },
  },
};

/** The properties of a user that may leave the server. */
export const ACCOUNT_RESPONSE: ApiResponseNoStatusOptions = {
  schema: {
    type: 'object',
    required: ['id', 'email', 'name', 'plan', 'role'],
    properties: { id: TEXT, email: TEXT, name: TEXT, plan: TEXT, role: TEXT },
  },
};
