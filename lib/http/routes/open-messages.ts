import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { INTERCEPTORS_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Observable } from 'rxjs';
import type { Flaw } from '../../errors/flaw.js';
import { findSessionHolder, isMessage } from '../context/execution-context.js';
import { isApplicationGuarded } from '../decorators/verify-session.metadata.js';
import { SetupWarnings } from '../setup-warnings.js';
import { declaredHandler } from './guarded-routes.js';
import { handlersOf, nameOf, type HandlerOfClass } from './handlers-of-class.js';
import { isServiceMessage, isStreamCall } from './nest-marks.js';
import { namedClass } from './provided-classes.js';

const lookedAt = new WeakSet<object>();

/** Notes that a guard of sessions looks at a message. */
export function noteLooked(context: ExecutionContext): void {
  const message = findSessionHolder(context);
  if (typeof message === 'object' && message !== null) lookedAt.add(message);
}

/** Whether a handler has none of our decorators, so that the guard of the application alone can protect it. */
export function isUndecorated(declared: HandlerOfClass): boolean {
  const { handler, classes } = declaredHandler(declared);
  return ![handler, ...classes].some((each) => each.isGuarded || each.isPublic);
}

/** The flaw of an undecorated handler of messages in a microservice with a configuration of its own. */
export function openMessageFlaw(declared: HandlerOfClass): Flaw {
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} is open: the guard of the application (APP_GUARD) does not apply to a microservice that is connected without \`inheritAppConfig\`.`,
    cure: 'Call `connectMicroservice(options, { inheritAppConfig: true })`, or decorate the handler.',
  };
}

/**
 * Warns of a message that the guard of the application does not reach. At the start no provider can see how a
 * microservice is connected, so this looks at the messages of undecorated handlers. They get it as soon as this is made,
 * because messages are bound before any hook of a module is called.
 */
@Injectable()
export class OpenMessages implements NestInterceptor {
  constructor(
    modules: ModulesContainer,
    private readonly config: ApplicationConfig,
    private readonly warnings: SetupWarnings,
  ) {
    const wrappers = [...modules.values()].flatMap(({ controllers }) => [...controllers.values()]);
    for (const type of wrappers.flatMap((each) => namedClass(each) ?? [])) {
      for (const handler of handlersOf(type)) {
        const declared = { getClass: () => type, getHandler: () => handler };
        const isLooked = isServiceMessage(handler) && !isStreamCall(handler);
        if (isLooked && isUndecorated(declared)) this.putOn(handler);
      }
    }
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (isMessage(context) && isApplicationGuarded(this.config)) {
      const message = findSessionHolder(context);
      const isKnown = typeof message === 'object' && message !== null;
      if (isKnown && !lookedAt.has(message)) {
        this.warnings.ofOpenMessage(openMessageFlaw(context), nameOf(context));
      }
    }
    return next.handle();
  }

  private putOn(handler: object): void {
    const all = (Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? []) as object[];
    // Another module, or another application in this process, may use the same class.
    const others = all.filter((each) => !(each instanceof OpenMessages));
    Reflect.defineMetadata(INTERCEPTORS_METADATA, [this, ...others], handler);
  }
}
