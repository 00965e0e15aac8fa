import type { ExecutionContext } from '@nestjs/common';
import { keeperOf } from '../context/execution-context.js';

/** A message on a socket, such as an operation of GraphQL, whose fields share its session. */
export class SocketMessage {
  /**
   * @param keeper the object that keeps the socket's session
   * @param mayRepeat whether it may name a handler any number of times
   */
  constructor(
    readonly handshake: unknown,
    readonly keeper: object,
    readonly gateway: object,
    readonly mayRepeat: boolean,
  ) {}
}

// By socket, and by the variables of an operation, which GraphQL makes anew for each.
const operations = new WeakMap<object, WeakMap<object, SocketMessage>>();

/** The message that calls a handler. Each event of a subscription is a message, too. */
export function messageOf(context: ExecutionContext, handshake: unknown): SocketMessage {
  const keeper = keeperOf(context, handshake) as object;
  const variables = variablesOf(context);
  const known = variables && operations.get(keeper)?.get(variables);
  if (known !== undefined) return known;
  const message = new SocketMessage(handshake, keeper, context.getClass(), variables !== undefined);
  if (variables === undefined) return message;
  const ofSocket = operations.get(keeper) ?? new WeakMap<object, SocketMessage>();
  operations.set(keeper, ofSocket.set(variables, message));
  return message;
}

function variablesOf(context: ExecutionContext): object | undefined {
  if (context.getType<string>() !== 'graphql') return undefined;
  const info = context.getArgByIndex<Partial<ResolverInfo> | undefined>(3);
  return info?.operation?.operation === 'subscription' ? undefined : info?.variableValues;
}

interface ResolverInfo {
  readonly operation: { readonly operation: string };
  readonly variableValues: object;
}
