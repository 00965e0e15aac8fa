import type { SessionException } from '../errors/session.exception.js';
import type { LiveEnd } from '../verification/session-ends.js';

/** The code of a WebSocket closed because its session has ended (RFC 6455 §7.4.2: codes for applications). */
const UNAUTHORISED = 4401;
/** The same if the session lives, but its claims are not enough. */
const FORBIDDEN = 4403;
/** The code if the session can't be determined at the moment (IANA's registry of WebSocket close codes). */
const TRY_AGAIN_LATER = 1013;

// The statuses of 401 and 403 are options, so they say nothing here.
function closeCodeOf(error: SessionException): number {
  if (error.getStatus() >= 500) return TRY_AGAIN_LATER;
  return error.code === 'INVALID_CLAIMS' ? FORBIDDEN : UNAUTHORISED;
}

const CLOSED = 3;

// A client that has not answered the closing by then is cut off.
const ANSWERED_WITHIN_MS = 1_000;

/** The used parts of a socket of `ws`. */
export interface WsClient {
  readonly readyState: number;
  close(code: number, reason: string): void;
  terminate(): void;
  removeAllListeners(event: string): unknown;
  removeListener(event: string, listener: (...data: unknown[]) => void): unknown;
  once(event: string, listener: () => void): unknown;
  on(event: string, listener: (...data: unknown[]) => void): unknown;
  emit(event: string, ...data: unknown[]): unknown;
  pause?(): void;
  resume?(): void;
}

/** The used parts of a socket of Socket.IO. */
export interface IoClient {
  emit(event: string, data: unknown): unknown;
  disconnect(close?: boolean): unknown;
  once(event: string, listener: () => void): unknown;
  on(event: string, listener: (data: unknown) => void): unknown;
  use(onEvent: () => void): unknown;
  readonly disconnected?: boolean;
  /** Its connection, with the sockets of all namespaces. */
  readonly client?: { readonly sockets?: ReadonlyMap<unknown, object> };
}

export type SocketClient = WsClient | IoClient;

export function isWsClient(client: object): client is WsClient {
  return typeof (client as Partial<WsClient>).readyState === 'number';
}

/** Whether a socket has already closed, so that nobody would learn of its end. */
export function isGone(client: SocketClient): boolean {
  return isWsClient(client) ? client.readyState === CLOSED : client.disconnected === true;
}

/** Closes a socket, and tells its client the reason with a word of the public list. */
export function closeSocket(client: SocketClient, { error }: LiveEnd): void {
  if (isWsClient(client)) {
    closeWs(client, error);
    return;
  }
  try {
    client.emit('session-ended', { code: error.code });
  } finally {
    // Namespaces share a connection, and unguarded ones stay open.
    client.disconnect((client.client?.sockets?.size ?? 1) <= 1);
  }
}

/** Drops what a client sends from now on. */
export function ignoreMessages(client: SocketClient): void {
  if (isWsClient(client)) client.removeAllListeners('message');
  // An event goes on only if this calls on the next one.
  else client.use(() => undefined);
}

/**
 * Closes a socket of `ws`: further data is dropped unread, and a client that does not answer is cut off.
 *
 * @param error its code is what the client learns; without it, the socket has shown no session
 */
export function closeWs(client: WsClient, error?: SessionException): void {
  ignoreMessages(client);
  // It is paused while its token is judged, and would not hear the client's answer.
  client.resume?.();
  client.close(error ? closeCodeOf(error) : UNAUTHORISED, error?.code ?? 'UNAUTHORISED');
  const timer = setTimeout(() => client.terminate(), ANSWERED_WITHIN_MS);
  timer.unref();
  client.once('close', () => clearTimeout(timer));
}
