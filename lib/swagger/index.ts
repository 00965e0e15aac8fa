export { describeSessions, type DescribeSessionsOptions } from './describe-sessions.js';
export type { OpenApiDocument } from './openapi.js';
export type { SessionScheme } from './security-schemes.js';
