import type { SessionErrorCode } from '../errors/error-statuses.js';
import type { Json } from './openapi.js';

export type SchemaName =
  | 'SessionError'
  | 'InvalidClaims'
  | 'SessionSummary'
  | 'SessionList'
  | 'SessionDone'
  | 'SessionsEnded'
  | 'JsonWebKeySet'
  | 'OpenIdConfiguration';

/** The ingredients of schemas: references to others, and the document version's spelling of `null`. */
interface SchemaParts {
  readonly schema: (name: SchemaName) => Json;
  readonly nullable: (type: string) => Json;
}

const CODES: Readonly<Record<SessionErrorCode, true>> = {
  UNAUTHORISED: true,
  TRY_REFRESH_TOKEN: true,
  TOKEN_THEFT_DETECTED: true,
  INVALID_CLAIMS: true,
  CROSS_SITE_REQUEST: true,
  SESSION_INPUT: true,
  SESSION_LIMIT: true,
  TOO_MANY_REQUESTS: true,
  DEVICE_PROOF_REFUSED: true,
  DEVICE_PROOF_MISSING: true,
  SESSION_REPLACED: true,
  SESSION_STORE_UNAVAILABLE: true,
  SESSION_ISSUER_UNAVAILABLE: true,
  SESSION_STORE_FAILED: true,
};

const TEXT = { type: 'string' };
const TEXTS = { type: 'array', items: TEXT };
const TIME = { type: 'integer', format: 'int64', description: 'Milliseconds since the epoch.' };

/** The answers of the built-in routes, and the refusals of requests. */
export const SESSION_SCHEMAS: Readonly<Record<SchemaName, (parts: SchemaParts) => Json>> = {
  SessionError: () => ({
    type: 'object',
    required: ['statusCode', 'code', 'message'],
    properties: {
      statusCode: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(CODES) },
      message: TEXT,
    },
  }),
  InvalidClaims: ({ schema }) => ({
    allOf: [
      schema('SessionError'),
      {
        type: 'object',
        properties: {
          claimValidationErrors: {
            type: 'array',
            description: 'The failing validators; present with the code INVALID_CLAIMS.',
            items: {
              type: 'object',
              required: ['id'],
              properties: { id: TEXT, reason: {} },
            },
          },
        },
      },
    ],
  }),
  SessionSummary: ({ nullable }) => ({
    type: 'object',
    required: [
      'sessionHandle',
      'tenantId',
      'timeCreated',
      'lastActive',
      'expiry',
      'device',
      'isCurrent',
    ],
    properties: {
      sessionHandle: TEXT,
      tenantId: TEXT,
      timeCreated: TIME,
      lastActive: TIME,
      expiry: TIME,
      device: {
        type: 'object',
        required: ['ip', 'userAgent', 'name'],
        properties: {
          ip: nullable('string'),
          userAgent: nullable('string'),
          name: nullable('string'),
        },
      },
      bound: { type: 'boolean', description: 'Present if the session is bound to its device.' },
      isImpersonated: {
        type: 'boolean',
        description: 'Present if somebody else acts in it as the user.',
      },
      isCurrent: { type: 'boolean', description: 'Whether it is the session of this request.' },
    },
  }),
  SessionList: ({ schema }) => ({
    type: 'object',
    required: ['sessions'],
    properties: {
      sessions: { type: 'array', items: schema('SessionSummary') },
      next: { type: 'string', description: 'Present if more follow: send it as `before`.' },
    },
  }),
  SessionDone: () => ({
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: ['OK'] } },
  }),
  SessionsEnded: () => ({
    type: 'object',
    required: ['status', 'revoked'],
    properties: { status: { type: 'string', enum: ['OK'] }, revoked: { type: 'integer' } },
  }),
  JsonWebKeySet: () => ({
    type: 'object',
    required: ['keys'],
    properties: {
      keys: {
        type: 'array',
        items: {
          type: 'object',
          required: ['kty', 'kid', 'alg', 'use'],
          properties: {
            kty: TEXT,
            kid: TEXT,
            alg: { type: 'string', enum: ['ES256', 'RS256'] },
            use: { type: 'string', enum: ['sig'] },
            crv: TEXT,
            x: TEXT,
            y: TEXT,
            n: TEXT,
            e: TEXT,
          },
        },
      },
    },
  }),
  OpenIdConfiguration: () => ({
    type: 'object',
    required: [
      'issuer',
      'jwks_uri',
      'subject_types_supported',
      'id_token_signing_alg_values_supported',
      'response_types_supported',
    ],
    properties: {
      issuer: TEXT,
      jwks_uri: TEXT,
      subject_types_supported: TEXTS,
      id_token_signing_alg_values_supported: TEXTS,
      response_types_supported: TEXTS,
    },
  }),
};
