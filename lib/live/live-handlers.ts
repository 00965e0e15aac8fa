import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import {
  Inject,
  Injectable,
  Optional,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { INTERCEPTORS_METADATA, SSE_METADATA } from '@nestjs/common/constants.js';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { map, type Observable } from 'rxjs';
import { findRequestAndResponse } from '../http/context/execution-context.js';
import { takesOverResponse } from '../http/context/taken-over-response.js';
import { foundIn, sessionFor } from '../http/current-session.js';
import { handlersOf } from '../http/routes/handlers-of-class.js';
import {
  isGatewayMessage,
  isServiceMessage,
  isStreamCall,
  isSubscription,
} from '../http/routes/nest-marks.js';
import { namedClass, providedClass } from '../http/routes/provided-classes.js';
import { MESSAGE_TOKENS, type MessageTokens } from '../http/verify/message-tokens.js';
import { ReadonlySession } from '../session/container/readonly-session.js';
import { cutOffFile, cutOffWithSession, endedWithSession } from './answer-stream.js';
import { iteratorEndedWithSession } from './ended-iterator.js';
import { EndMessageWithSession } from './message-streams.js';
import { OpenClaims } from './open-claims.js';

// @nestjs/graphql registers the options of subscriptions under this name. Nothing is imported from it here.
const SUBSCRIPTION_OPTIONS = 'graphql:subscription_options;';

/** Ends a handler's open answers with their session: a stream of events, an own answer, a subscription. */
class EndWithSession implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const found = findRequestAndResponse(context);
    const session = found && sessionFor(found.request, context.getHandler())?.session;
    if (found === undefined || !(session instanceof ReadonlySession)) return next.handle();
    const asked = OpenClaims.askedBy(context, session);
    if (isSubscription(context.getHandler())) {
      const asEvent = !changesEvents(context.getHandler());
      return next.handle().pipe(
        map((events: unknown) => {
          const iterator = iteratorOf(events);
          if (iterator === undefined) return events;
          return iteratorEndedWithSession(iterator, session, asked, asEvent);
        }),
      );
    }
    const response = rawResponse(found.response);
    if (Reflect.getMetadata(SSE_METADATA, context.getHandler()) === true) {
      return endedWithSession(next.handle(), session, asked, response);
    }
    cutOffWithSession(response, session, asked);
    return next.handle();
  }
}

// They need no module, because a session knows its own module.
const endWithSession = new EndWithSession();
const endMessageWithSession = new EndMessageWithSession();

// The modules of all kinds of sessions share it, and a session knows its own module.
const watchingFiles = new WeakSet<object>();

interface Replying {
  reply(response: { req?: unknown; request?: unknown }, body: unknown, ...rest: unknown[]): unknown;
}

/**
 * Finds the handlers that leave something open, when the application starts. They get their interceptor as soon as this
 * is made, because routes and resolvers are made before any hook of a module is called. No other handler pays for it.
 */
@Injectable()
export class LiveHandlers implements OnModuleInit {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly adapterHost: HttpAdapterHost,
    @Optional() @Inject(MESSAGE_TOKENS) private readonly messages?: MessageTokens,
  ) {
    this.completeClasses(namedClass);
  }

  /** Does the same for classes whose instances a factory or a value provides. There Nest looks at the instance. */
  beforeRoutes(): void {
    this.completeClasses(providedClass);
  }

  private completeClasses(classOf: (wrapper: InstanceWrapper) => Type | undefined): void {
    for (const { controllers, providers } of this.modules.values()) {
      for (const wrapper of [...controllers.values(), ...providers.values()]) {
        const type = classOf(wrapper);
        if (type !== undefined) this.completeHandlersOf(type);
      }
    }
  }

  private completeHandlersOf(type: Type): void {
    for (const handler of handlersOf(type)) {
      if (leavesOpen(type, handler)) putFirst(endWithSession, handler);
      if (this.answersMessages(handler)) putFirst(endMessageWithSession, handler);
    }
  }

  // No message of a service has a session unless somebody finds its token. Guards can't look at gRPC's own calls.
  private answersMessages(handler: object): boolean {
    if (isGatewayMessage(handler)) return true;
    return this.messages !== undefined && isServiceMessage(handler) && !isStreamCall(handler);
  }

  onModuleInit(): void {
    // Only a handler's answer shows if it returns a file.
    const adapter = this.adapterHost.httpAdapter as unknown as Partial<Replying> | undefined;
    if (adapter?.reply === undefined || watchingFiles.has(adapter)) return;
    watchingFiles.add(adapter);
    const reply = adapter.reply.bind(adapter);
    adapter.reply = (response, body, ...rest) => {
      const file: unknown = body instanceof StreamableFile ? body.getStream() : body;
      if (isReadable(file)) watchFile(response, file);
      return reply(response, body, ...rest);
    };
  }
}

function watchFile(response: { req?: unknown; request?: unknown }, file: Readable): void {
  const finding = foundIn(response.request ?? response.req, undefined);
  if (!(finding?.session instanceof ReadonlySession)) return;
  cutOffFile(rawResponse(response), finding.session, finding.checked.asked, file);
}

// Fastify sends one as it is. Before Nest 12, no `StreamableFile` is made of it.
function isReadable(body: unknown): body is Readable {
  const { pipe, destroy } = (body ?? {}) as Partial<Readable>;
  return typeof pipe === 'function' && typeof destroy === 'function';
}

function leavesOpen(type: Type, handler: object): boolean {
  const declared = { getClass: () => type, getHandler: () => handler };
  return (
    Reflect.getMetadata(SSE_METADATA, handler) === true ||
    isSubscription(handler) ||
    takesOverResponse(declared)
  );
}

function putFirst(interceptor: NestInterceptor, handler: object): void {
  const others = (Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? []) as object[];
  if (others.includes(interceptor)) return;
  Reflect.defineMetadata(INTERCEPTORS_METADATA, [interceptor, ...others], handler);
}

// The application's function may never read the event, so an error in it could go unnoticed.
function changesEvents(handler: object): boolean {
  const options = Reflect.getMetadata(SUBSCRIPTION_OPTIONS, handler) as
    { resolve?: unknown; filter?: unknown } | undefined;
  return options?.resolve !== undefined || options?.filter !== undefined;
}

// GraphQL servers read whatever is iterable, such as a Readable. Nest's filters for Apollo call `next` themselves.
function iteratorOf(events: unknown): AsyncIterator<unknown> | undefined {
  const found = (events ?? {}) as AsyncIterableIterator<unknown>;
  if (typeof found[Symbol.asyncIterator] === 'function') return found[Symbol.asyncIterator]();
  return typeof found.next === 'function' ? found : undefined;
}

function rawResponse(response: unknown): ServerResponse {
  return ((response as { raw?: unknown }).raw ?? response) as ServerResponse;
}
