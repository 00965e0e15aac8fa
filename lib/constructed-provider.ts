import type { Abstract, FactoryProvider, Type } from '@nestjs/common';
import type { RESOLVED_SESSION_OPTIONS } from './options/resolved-options.js';

type Token<T> = Type<T> | Abstract<T> | typeof RESOLVED_SESSION_OPTIONS;

// The roles know nothing of Nest, so what each is given is written out and not read from decorators; the types see to it
// that it is what the constructor takes.

/** A provider of a class, from the tokens of what its constructor takes. */
export function made<T, Given extends unknown[]>(
  role: new (...given: Given) => T,
  ...inject: { [Position in keyof Given]: Token<Given[Position]> }
): FactoryProvider<T> {
  return {
    provide: role,
    inject,
    useFactory: (...given: unknown[]) => new role(...(given as Given)),
  };
}

/** The same for a class whose constructor takes one object with everything. */
export function gathered<T, Roles extends object>(
  tokens: { [Name in keyof Roles]: Token<Roles[Name]> },
  role: new (roles: Roles) => T,
): Pick<FactoryProvider<T>, 'inject' | 'useFactory'> {
  const names = Object.keys(tokens);
  return {
    inject: Object.values(tokens),
    useFactory: (...given: unknown[]) =>
      new role(Object.fromEntries(names.map((name, index) => [name, given[index]])) as Roles),
  };
}
