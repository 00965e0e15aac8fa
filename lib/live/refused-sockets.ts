import { types } from 'node:util';
import { Logger } from '@nestjs/common';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { SessionException } from '../errors/session.exception.js';
import { Clock } from '../time/clock.js';
import { LogThrottle } from '../time/log-throttle.js';
import { MINUTE_MS } from '../time/units.js';
import { closeWs, isWsClient, type SocketClient } from './close-socket.js';

const logger = new Logger('SessionModule');
const told = new WeakSet<SessionConfigurationError>();
const throttle = new LogThrottle(new Clock(), MINUTE_MS);
const NO_ERROR = { name: 'Value', message: 'something else than an error was thrown' };

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

/** The refusal in an error. No client learns of another error, so the log does. */
export function refusalIn(error: unknown): SessionException | undefined {
  if (error instanceof SessionException) return error;
  tellOfFailure(error);
  return undefined;
}

/** Tells of a mistake in the setup once, and of one kind of other errors once in a minute, however many sockets fail. */
export function tellOfFailure(error: unknown): void {
  if (error instanceof SessionConfigurationError) {
    if (!told.has(error)) logger.error(error.message);
    told.add(error);
    return;
  }
  const isError = types.isNativeError(error) || error instanceof Error;
  const { name, message, stack } = isError ? error : { ...NO_ERROR, stack: undefined };
  if (!throttle.admits(name)) return;
  logger.error(
    `A socket could not be verified. ${name}: ${message}. The next ${name} is told after a minute`,
    stack,
  );
}
