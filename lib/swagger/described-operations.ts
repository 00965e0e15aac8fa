import { isSafeMethod } from '../http/anti-csrf/fetch-metadata.js';
import type { AskedOfSession } from '../http/routes/asked-of-session.js';
import type { CreateSessionOptions } from '../http/decorators/create-session.metadata.js';
import { areNone, type WantedNames } from '../claims/wanted-names.js';
import type { Components } from './components.js';
import type { OperationDraft } from './operation-draft.js';
import { securitySchemes, type SessionScheme } from './security-schemes.js';
import type { DescribedOptions } from './session-set-ups.js';

/** The parts of an operation's description. */
export interface DescriptionParts {
  readonly options: DescribedOptions;
  readonly components: Components;
  readonly ways: readonly SessionScheme[];
  /** Whether to name roles and permissions. */
  readonly names: boolean;
  readonly method: string;
}

type Guarded = Pick<
  Extract<AskedOfSession, { kind: 'guarded' }>,
  'options' | 'maxAgeMs' | 'forbidsImpersonation'
>;

/** The guard's requirements on a request, and its refusals. */
export function describeGuard(
  draft: OperationDraft,
  asked: Guarded,
  parts: DescriptionParts,
): void {
  const { options, method } = parts;
  const isOptional = asked.options.sessionRequired === false;
  draft.requires(schemesOf('access', parts), isOptional);
  draft.refuses(options.sessionExpiredStatusCode, {
    when: isOptional
      ? 'The session of the request is no longer valid.'
      : 'The request has no session, or one that is no longer valid.',
  });
  if (asksForClaims(asked, options)) {
    const names = parts.names ? namesOf(asked) : '';
    draft.refuses(options.invalidClaimStatusCode, {
      when: `The claims of the session do not satisfy this route.${names}`,
      schema: 'InvalidClaims',
    });
  }
  const { antiCsrfCheck = !isSafeMethod(method) } = asked.options;
  if (antiCsrfCheck) describeProof(draft, parts);
  describeOutage(draft);
}

/** The answers of a handler with `@CreateSession()`, apart from its own result. */
export function describeLogin(
  draft: OperationDraft,
  refusal: CreateSessionOptions<unknown>['refusal'],
  parts: DescriptionParts,
): void {
  const { options, ways } = parts;
  if (ways.includes('cookie')) {
    draft.answersWithHeader('Set-Cookie', 'The cookies of the session, HttpOnly.');
  }
  if (ways.includes('bearer')) {
    draft.answersWithHeader('st-access-token', 'The access token, if tokens are sent in headers.');
    draft.answersWithHeader(
      'st-refresh-token',
      'The refresh token, if tokens are sent in headers.',
    );
  }
  draft.answersWithHeader(
    'front-token',
    'The part of the session that a page may read, in base64.',
  );
  if (ways.length > 1) {
    draft.takesHeader('st-auth-mode', '`header`: tokens are sent in headers, not in cookies.');
  }
  // The application's own exception may have any status.
  if (typeof refusal !== 'function') {
    draft.refuses(refusal ?? 401, { when: 'There is no such user.' });
  }
  if (options.antiCsrf !== 'NONE') {
    draft.refuses(403, { when: "Another site's page sent the login." });
  }
  const { maxSessionsPerUser } = options;
  if (maxSessionsPerUser && maxSessionsPerUser.onLimit === 'refuse') {
    draft.refuses(403, { when: 'The user has as many sessions as allowed.' });
  }
  describeLimit(draft, parts);
  describeOutage(draft);
}

/** The requests and answers of a refresh. */
export function describeRefresh(draft: OperationDraft, parts: DescriptionParts): void {
  const { options, ways } = parts;
  draft.requires(schemesOf('refresh', parts), false);
  if (ways.includes('cookie')) draft.answersWithHeader('Set-Cookie', 'The new cookies, HttpOnly.');
  if (ways.includes('bearer')) {
    draft.answersWithHeader(
      'st-access-token',
      'The new access token, if tokens are sent in headers.',
    );
    draft.answersWithHeader('st-refresh-token', 'The new refresh token, if there is one.');
  }
  draft.answersWithHeader(
    'front-token',
    'The part of the session that a page may read, in base64.',
  );
  draft.refuses(options.sessionExpiredStatusCode, {
    when: 'There is no session to refresh: the user must log in.',
  });
  describeProof(draft, parts);
  describeLimit(draft, parts);
  describeOutage(draft);
}

/** The requests of a sign-out. A client without a session is already signed out. */
export function describeSignOut(draft: OperationDraft, parts: DescriptionParts): void {
  draft.requires(schemesOf('access', parts), true);
  draft.refuses(parts.options.sessionExpiredStatusCode, {
    when: "Another site's page may have sent the request, or a refresh must tell first which session it is.",
  });
  describeProof(draft, parts);
  describeOutage(draft);
}

function schemesOf(token: 'access' | 'refresh', parts: DescriptionParts): string[] {
  return securitySchemes(token, parts.ways, parts.options, parts.components);
}

function asksForClaims(
  { options, maxAgeMs, forbidsImpersonation }: Guarded,
  { globalClaimValidators }: DescribedOptions,
): boolean {
  const { roles = [], permissions = [], bound, overrideGlobalClaimValidators: override } = options;
  if (!areNone(roles) || !areNone(permissions) || maxAgeMs !== undefined) return true;
  if (bound === true || forbidsImpersonation) return true;
  return override !== undefined || globalClaimValidators.length > 0;
}

function namesOf({ options: { roles = [], permissions = [] }, maxAgeMs }: Guarded): string {
  const fresh = maxAgeMs === undefined ? '' : ` A login within ${maxAgeMs / 1000} seconds.`;
  return listed('Roles', roles) + listed('Permissions', permissions) + fresh;
}

function listed(what: string, wanted: WantedNames): string {
  if (areNone(wanted)) return '';
  return 'any' in wanted
    ? ` ${what}, one of: ${wanted.any.join(', ')}.`
    : ` ${what}: ${wanted.join(', ')}.`;
}

// With SuperTokens' SDK, a page sends it automatically. A client with the token in a header needs none.
function describeProof(draft: OperationDraft, { options, ways }: DescriptionParts): void {
  if (!ways.includes('cookie')) return;
  if (options.antiCsrf === 'VIA_CUSTOM_HEADER') {
    draft.takesHeader('rid', 'Any value; needed with cookies.');
  }
  if (options.antiCsrf === 'VIA_TOKEN') {
    draft.takesHeader('anti-csrf', 'The token that came with the session; needed with cookies.');
  }
}

function describeLimit(draft: OperationDraft, { options }: DescriptionParts): void {
  if (!options.rateLimit) return;
  draft.refuses(429, { when: 'The address has asked too often.', retryAfter: true });
}

function describeOutage(draft: OperationDraft): void {
  draft.refuses(503, { when: 'Sessions are not available for now.', retryAfter: true });
}
