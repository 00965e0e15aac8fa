import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import { describeRefresh, describeSignOut, type DescriptionParts } from './described-operations.js';
import type { Json, Operation } from './openapi.js';
import type { OperationDraft } from './operation-draft.js';
import type { SchemaName } from './session-schemas.js';
import type { DescribedOptions } from './session-set-ups.js';

interface BuiltInOperation {
  readonly summary: string;
  readonly answer: SchemaName | Json;
  readonly describe?: (draft: OperationDraft, parts: DescriptionParts) => void;
  readonly isServed?: (options: DescribedOptions) => boolean;
}

const { refresh, signOut, jwks, openIdConfiguration, sessionList } = BUILT_IN_ROUTES;

/** The routes for clients, by their declarations. All other built-in routes are for servers. */
const OPERATIONS: Readonly<Record<string, BuiltInOperation>> = {
  [`POST ${refresh}`]: {
    summary: 'Refreshes the session',
    answer: { type: 'object' },
    describe: describeRefresh,
  },
  [`POST ${signOut}`]: {
    summary: 'Ends the session',
    answer: 'SessionDone',
    describe: describeSignOut,
  },
  [`GET ${sessionList}`]: {
    summary: "Lists the user's own sessions, newest first",
    answer: 'SessionList',
    describe: (draft) => {
      const limit = { type: 'integer', minimum: 1, maximum: 1_000, default: 100 };
      draft.takes('limit', 'The highest number of sessions.', limit);
      draft.takes('before', 'The `next` of the previous page.', { type: 'string' });
      draft.refuses(400, { when: 'A parameter is out of range.' });
    },
  },
  [`DELETE ${sessionList}/:handle`]: {
    summary: "Ends one of the user's own sessions",
    answer: 'SessionDone',
    describe: (draft) => draft.refuses(404, { when: 'The user has no such session.' }),
  },
  [`DELETE ${sessionList}`]: {
    summary: "Ends all of the user's sessions but this one",
    answer: 'SessionsEnded',
  },
  [`GET ${jwks}`]: {
    summary: 'The public keys that verify access tokens',
    answer: 'JsonWebKeySet',
  },
  [`GET ${openIdConfiguration}`]: {
    summary: 'Where the public keys are',
    answer: 'OpenIdConfiguration',
    isServed: ({ issuer }) => issuer !== undefined,
  },
};

// Nest's tags, made from our classes' names.
const TAGS: ReadonlySet<string> = new Set([
  'Refresh',
  'SignOut',
  'Jwks',
  'OpenIdConfiguration',
  'SessionList',
]);

function operationOf(handler: object): BuiltInOperation | undefined {
  const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number];
  return OPERATIONS[`${method} ${Reflect.getMetadata(PATH_METADATA, handler) as string}`];
}

/** Whether a built-in route is for clients. */
export function isForClients(handler: object, options: DescribedOptions): boolean {
  const known = operationOf(handler);
  return known !== undefined && (known.isServed?.(options) ?? true);
}

/** Describes a built-in route, under one tag for all of them. */
export function describeBuiltIn(
  draft: OperationDraft,
  handler: object,
  { summary, tags = [], operationId }: Operation,
  parts: DescriptionParts & { readonly tag: string },
): void {
  const known = operationOf(handler);
  if (known === undefined) return;
  const { kind } = parts.options;
  draft.changesTo({
    summary: summary ?? known.summary,
    ...(tags.every((each) => TAGS.has(each)) ? { tags: [parts.tag] } : {}),
    // Each kind of sessions has the same classes of routes.
    ...(kind === undefined || operationId === undefined || operationId.endsWith(`_${kind}`)
      ? {}
      : { operationId: `${operationId}_${kind}` }),
  });
  draft.answers(known.summary + '.', known.answer);
  known.describe?.(draft, parts);
}
