import type { ArgumentsHost } from '@nestjs/common';
import { ERROR_STATUSES } from '../../errors/error-statuses.js';
import type { SessionException } from '../../errors/session.exception.js';

/** The metadata of gRPC's calls and answers. */
interface Metadata {
  readonly constructor: new () => Metadata;
  set(name: string, value: string): void;
}

/** The call that gRPC's server hands to a handler, after the message and its metadata. */
interface Call {
  readonly sendMetadata?: unknown;
  readonly metadata: Metadata;
}

// An error's own `code` must be the number of its status: gRPC's server answers `UNKNOWN` otherwise.
const SESSION_CODE = 'session-error';

/** A session error as gRPC sends it, with its code in the metadata; `undefined` if the message came another way. */
export function grpcErrorOf(exception: SessionException, host: ArgumentsHost): object | undefined {
  const call = host.getArgByIndex<Call | undefined>(2);
  if (typeof call?.sendMetadata !== 'function') return undefined;
  // The caller's own metadata has its token.
  const metadata = new call.metadata.constructor();
  metadata.set(SESSION_CODE, exception.code);
  const { grpcStatus: code } = ERROR_STATUSES[exception.code];
  return { code, message: exception.message, metadata };
}
