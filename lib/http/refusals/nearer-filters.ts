import type { ArgumentsHost, ExceptionFilter, Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { SessionException } from '../../errors/session.exception.js';
import { handlersOf } from '../routes/handlers-of-class.js';
import { namedClass, providedClass } from '../routes/provided-classes.js';

/** Completes the response to a session error, whoever answers it. */
interface Completing {
  completeResponse(exception: SessionException, host: ArgumentsHost): void;
}

const ANSWERED: ReadonlySet<string> = new Set(['http', 'graphql']);

// Filters that complete the response first, each with the one that then answers.
const answering = new WeakMap<object, ExceptionFilter>();
const completing = new WeakSet<InstanceWrapper>();

/**
 * Nest asks the filters of a handler and its controller, and those of one request, before any other filter of the whole
 * application. Each of them completes the response before it answers. Nothing else sees every error that they answer: no
 * interceptor runs around a guard.
 */
export function completeBeforeNearerFilters(
  first: Completing,
  modules: ModulesContainer,
  config: ApplicationConfig,
): void {
  const all = [...modules.values()];
  const ofHandlers = all
    .flatMap(({ injectables }) => [...injectables.values()])
    .filter(({ subtype }) => subtype === 'filter');
  for (const wrapper of [...ofHandlers, ...config.getGlobalRequestFilters()]) {
    completeBeforeMade(first, wrapper);
  }
  for (const type of classesOf(all)) {
    for (const declared of [type, ...handlersOf(type)]) completeBeforeGiven(first, declared);
  }
}

function classesOf(modules: readonly Module[]): Type[] {
  return modules
    .flatMap(({ controllers, providers }) => [...controllers.values(), ...providers.values()])
    .flatMap((wrapper) => namedClass(wrapper) ?? providedClass(wrapper) ?? []);
}

// Nest makes the filter, at the start or for each request, and gets it out of its wrapper.
function completeBeforeMade(first: Completing, wrapper: InstanceWrapper): void {
  // Another kind's module has the same filters, and completes the errors of each kind.
  if (completing.has(wrapper)) return;
  completing.add(wrapper);
  const changed = new WeakMap<ExceptionFilter, ExceptionFilter>();
  const entryOf = wrapper.getInstanceByContextId.bind(wrapper);
  wrapper.getInstanceByContextId = (...context) => {
    const entry = entryOf(...context);
    const filter: unknown = entry.instance;
    // Until then, Nest writes to the entry.
    if (entry.isResolved !== true || !isFilter(filter)) return entry;
    const instance = changed.get(filter) ?? completedBy(first, filter);
    changed.set(filter, instance);
    return { ...entry, instance };
  };
}

// The application has made the filter. Another application in this process may use the same.
function completeBeforeGiven(first: Completing, declared: object): void {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, declared) ?? []) as unknown[];
  if (!filters.some(isFilter)) return;
  const changed = filters.map((filter) =>
    isFilter(filter) ? completedBy(first, answering.get(filter) ?? filter) : filter,
  );
  Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, changed, declared);
}

function isFilter(value: unknown): value is ExceptionFilter {
  const { catch: answer } = (value ?? {}) as Partial<ExceptionFilter>;
  return typeof value === 'object' && typeof answer === 'function';
}

// The filter itself stays as it is, since it is the application's.
function completedBy(first: Completing, filter: ExceptionFilter): ExceptionFilter {
  const value: ExceptionFilter['catch'] = (exception, host) => {
    if (exception instanceof SessionException && ANSWERED.has(host.getType())) {
      first.completeResponse(exception, host);
    }
    return filter.catch(exception, host) as unknown;
  };
  // Nest calls the hooks of what it gets here, and they belong to the filter.
  const changed = new Proxy<ExceptionFilter>(
    { catch: value },
    {
      get: (_, name) => (name === 'catch' ? value : memberOf(filter, name)),
      set: (_, name, next) => Reflect.set(filter, name, next),
      has: (_, name) => Reflect.has(filter, name),
      getPrototypeOf: () => Reflect.getPrototypeOf(filter),
    },
  );
  answering.set(changed, filter);
  return changed;
}

function memberOf(filter: ExceptionFilter, name: string | symbol): unknown {
  const member: unknown = Reflect.get(filter, name);
  return typeof member === 'function' && name !== 'constructor'
    ? (member.bind(filter) as unknown)
    : member;
}
