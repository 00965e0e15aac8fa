import { Logger } from '@nestjs/common';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { SessionException } from '../errors/session.exception.js';
import { closeWs, isWsClient, type SocketClient } from './close-socket.js';

const logger = new Logger('SessionModule');
const told = new WeakSet<SessionConfigurationError>();

/** Closes a socket that is already open. */
export function turnAway(client: SocketClient, error: unknown): void {
  const refusal = error === undefined ? undefined : refusalIn(error);
  if (isWsClient(client)) closeWs(client, refusal);
  else client.disconnect(true);
}

/** The error in the event `connect_error` of a Socket.IO client, whose socket does not open. */
export function connectErrorOf(error: unknown): Error {
  const refusal = refusalIn(error);
  if (refusal === undefined) return new Error('Internal server error');
  return Object.assign(new Error(refusal.message), { data: refusal.getResponse() });
}

/** A mistake in the setup is told once, not for each attempt. */
export function tellOfMistake(error: SessionConfigurationError): void {
  if (told.has(error)) return;
  told.add(error);
  logger.error(error.message);
}

// No client learns of another error, so the log does.
function refusalIn(error: unknown): SessionException | undefined {
  if (error instanceof SessionException) return error;
  if (error instanceof SessionConfigurationError) tellOfMistake(error);
  else logger.error('A socket could not be verified');
  return undefined;
}
