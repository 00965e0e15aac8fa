import { types } from 'node:util';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { isFunction, isToken, kindOf, only } from './option-checks.js';
import type { OptionReader } from './option-reader.js';

const FACTORIES = ['useFactory', 'useClass', 'useExisting'] as const;

/**
 * Reads the properties that Nest uses to run the factory of a module's options. Everything else must have been read
 * before.
 */
export function readFactory(reader: OptionReader, module: string): object {
  const asFactory = factoryOf(module);
  const factory = Object.entries({
    useFactory: reader.converted('useFactory', asFactory, 'a function'),
    useClass: reader.converted('useClass', only(isFunction), 'a class'),
    useExisting: reader.converted('useExisting', only(isToken), 'the token of a provider'),
    imports: reader.list('imports', isGiven, 'modules'),
    inject: reader.list('inject', isGiven, 'tokens of providers'),
    provideInjectionTokensFrom: reader.list('provideInjectionTokensFrom', isGiven, 'providers'),
  }).filter(([, value]) => value !== undefined);
  if (FACTORIES.every((name) => reader.value(name) === undefined)) {
    reader.problem('useFactory', 'is missing, and so are `useClass` and `useExisting`');
  }
  reader.refuseUnknown();
  return Object.fromEntries(factory);
}

function isGiven(item: unknown): item is object | string | symbol {
  return item !== undefined && item !== null;
}

// A factory may throw something other than an error, and a start that fails with that has no message.
function factoryOf(
  module: string,
): (value: unknown) => ((...injected: unknown[]) => Promise<unknown>) | undefined {
  return (value) => {
    if (!isFunction(value)) return undefined;
    return async (...injected) => {
      try {
        return await value(...injected);
      } catch (error) {
        if (isError(error)) throw error;
        throw new SessionConfigurationError(
          `${module} cannot start: the factory of its options threw ${kindOf(error)} instead of an error`,
        );
      }
    };
  };
}

function isError(error: unknown): boolean {
  try {
    return types.isNativeError(error) || error instanceof Error;
  } catch {
    return false;
  }
}
