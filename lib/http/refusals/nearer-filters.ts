import type {
  ArgumentsHost,
  CallHandler,
  ExecutionContext,
  NestInterceptor,
  Type,
} from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  INTERCEPTORS_METADATA,
  METHOD_METADATA,
} from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { catchError, type Observable } from 'rxjs';
import { SessionException } from '../../errors/session.exception.js';
import { handlersOf } from '../routes/handlers-of-class.js';
import { isResolver } from '../routes/nest-marks.js';
import { namedClass, providedClass } from '../routes/provided-classes.js';

/** Completes the response to a session error, whoever answers it. */
interface Completing {
  completeResponse(exception: SessionException, host: ArgumentsHost): void;
}

const ANSWERED: ReadonlySet<string> = new Set(['http', 'graphql']);

/** Completes the response to a session error of a handler before Nest asks any filter. */
class CompleteFirst implements NestInterceptor {
  constructor(private readonly filter: Completing) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!ANSWERED.has(context.getType<string>())) return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        if (error instanceof SessionException) this.filter.completeResponse(error, context);
        throw error;
      }),
    );
  }
}

/**
 * Nest asks the filters of a handler and its controller, and those of one request, before any other filter of the whole
 * application. Handlers that have such filters get an interceptor. No other handler pays for it.
 */
export function completeBeforeNearerFilters(
  filter: Completing,
  modules: ModulesContainer,
  config: ApplicationConfig,
): void {
  const first = new CompleteFirst(filter);
  const isForAll = config.getGlobalRequestFilters().length > 0;
  const found = new Map<object, boolean>();
  for (const type of classesOf(modules)) {
    const isForClass = isForAll || hasFilters(type);
    // Controllers that extend another one share its handlers.
    for (const handler of handlersOf(type).filter(isAnswered)) {
      found.set(handler, found.get(handler) === true || isForClass || hasFilters(handler));
    }
  }
  for (const [handler, isNeeded] of found) putFirst(handler, isNeeded ? [first] : []);
}

function classesOf(modules: ModulesContainer): Type[] {
  return [...modules.values()]
    .flatMap(({ controllers, providers }) => [...controllers.values(), ...providers.values()])
    .flatMap((wrapper) => namedClass(wrapper) ?? providedClass(wrapper) ?? []);
}

function isAnswered(handler: object): boolean {
  return Reflect.hasMetadata(METHOD_METADATA, handler) || isResolver(handler);
}

function hasFilters(declared: object): boolean {
  const filters = Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, declared) as
    unknown[] | undefined;
  return filters !== undefined && filters.length > 0;
}

// Another application in this process may use the same class.
function putFirst(handler: object, first: readonly CompleteFirst[]): void {
  const present = (Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? []) as unknown[];
  const others = present.filter((each) => !(each instanceof CompleteFirst));
  if (first.length + others.length === 0 && present.length === 0) return;
  Reflect.defineMetadata(INTERCEPTORS_METADATA, [...first, ...others], handler);
}
