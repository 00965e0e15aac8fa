import type { ArgumentsHost } from '@nestjs/common';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import { SessionException } from '../../errors/session.exception.js';
import type { RequestAndResponse } from '../context/execution-context.js';
import { asHttpResponse, nodeResponseOf } from '../context/http-response.js';
import { RefusedOperation, type ResolverPlace } from './refused-operation.js';

/** The refusals of one answer. A batch has one operation for each entry. */
interface RefusedAnswer {
  readonly operations: Map<object, RefusedOperation>;
  readonly status: number;
  /** The texts of a batch; none without one. */
  readonly batch: readonly unknown[];
  /** Whether it is safe to run everything in the request twice. */
  mayBeRepeated: boolean;
}

const SESSION_CODES: ReadonlySet<string> = new Set([
  'UNAUTHORISED',
  'TRY_REFRESH_TOKEN',
  'TOKEN_THEFT_DETECTED',
]);
// A client answers 401 with a refresh and another try. After a failed login, that would send the same password again.
const OF_LOGINS: ReadonlySet<RefusalReason> = new Set(['no-user', 'other-user', 'login-overtaken']);

const answers = new WeakMap<object, RefusedAnswer>();

/**
 * Notes that a resolver was refused because the session is missing or no longer good. Most GraphQL servers answer 200
 * for that. A page that looks only at the status, such as one with SuperTokens' SDK, would never refresh. So the answer
 * gets the error's own status, 401 by default, but only if its client should refresh and send the request again. Its
 * body stays.
 */
export function noteRefusedResolver(
  host: ArgumentsHost,
  { request, response }: RequestAndResponse,
  error: unknown,
): void {
  if (host.getType<string>() !== 'graphql' || response === undefined) return;
  if (!(error instanceof SessionException) || !SESSION_CODES.has(error.code)) return;
  const given = host.getArgByIndex<Partial<ResolverPlace> | undefined>(3);
  const { operation, fragments, path, returnType } = given ?? {};
  if (operation === undefined || fragments === undefined || path === undefined) return;
  const place = { operation, fragments, path, returnType };
  const answer = answerOf(request, response, error.getStatus());
  if (OF_LOGINS.has(error.reason)) answer.mayBeRepeated = false;
  const refused = answer.operations.get(operation) ?? new RefusedOperation(place);
  answer.operations.set(operation, refused);
  refused.add(place, error.code === 'TRY_REFRESH_TOKEN');
}

function batchOf(request: unknown): readonly unknown[] {
  const { body } = request as { readonly body?: unknown };
  if (!Array.isArray(body)) return [];
  return (body as readonly ({ readonly query?: unknown } | null | undefined)[]).map(
    (entry) => entry?.query,
  );
}

// The client sends a batch again as a whole. It is unknown which of its mutations ran, so none may be repeated.
function hasMutation(batch: readonly unknown[]): boolean {
  return !batch.every((query) => typeof query === 'string' && !/\bmutation\b/.test(query));
}

function answerOf(request: unknown, response: unknown, status: number): RefusedAnswer {
  const node = nodeResponseOf(asHttpResponse(response));
  const known = answers.get(node);
  if (known !== undefined) return known;
  // Once for each answer: for each of its refusals it would take quadratic time.
  const batch = batchOf(request);
  const mayBeRepeated = !hasMutation(batch);
  const answer: RefusedAnswer = { operations: new Map(), status, batch, mayBeRepeated };
  answers.set(node, answer);
  const writeHead = node.writeHead.bind(node);
  node.writeHead = (written, ...rest) => writeHead(statusOf(answer, written), ...rest);
  return answer;
}

function statusOf(answer: RefusedAnswer, written: number): number {
  const { status, mayBeRepeated } = answer;
  // An answer that failed as a whole, or is unchanged, has its own status.
  if (written >= 500 || written === 304) return written;
  if (mayBeRepeated && asksToRefresh(answer)) return status;
  return written === status ? 200 : written;
}

// For a partly answered request, the client keeps its data, unless it holds a token that a refresh can replace.
function asksToRefresh({ operations, batch }: RefusedAnswer): boolean {
  const refused = [...operations.values()];
  if (refused.some(({ isHelpedByRefresh }) => isHelpedByRefresh)) return true;
  // A server may parse equal texts once, so they are compared, and not counted.
  const texts = new Set<unknown>(refused.map(({ text }) => text));
  return refused.every(({ hasNoData }) => hasNoData) && batch.every((query) => texts.has(query));
}
