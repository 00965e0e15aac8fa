import type {
  FactoryProvider,
  InjectionToken,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common';
import {
  OPTIONAL_DEPS_METADATA,
  PARAMTYPES_METADATA,
  SELF_DECLARED_DEPS_METADATA,
} from '@nestjs/common/constants.js';
import { APP_FILTER } from '@nestjs/core';
import { addOwnToken, ownToken, tokenOfKind } from './options/kind.js';
import { Clock } from './time/clock.js';

// Nest looks for the first, and tests of an application replace the second.
const SHARED: ReadonlySet<unknown> = new Set([APP_FILTER, Clock]);

/**
 * The providers of a kind, under their own tokens. If code asks the whole application for a class, Nest returns the
 * last imported one, which must be that of the module without a kind.
 */
export function providersOfKind(kind: string, providers: readonly Provider[]): Provider[] {
  for (const provider of providers) {
    const token = typeof provider === 'function' ? provider : provider.provide;
    if (!SHARED.has(token) && typeof token !== 'string') addOwnToken(kind, token);
  }
  return providers.map((provider) => ofKind(kind, provider));
}

/** The providers that find the parts of a kind. */
export function aliasesOf<Part extends Parameters<typeof tokenOfKind>[1]>(
  kind: string,
  parts: Readonly<Record<Part, Type>>,
): { provide: string; useExisting: Type }[] {
  return Object.entries<Type>(parts).map(([part, type]) => ({
    provide: tokenOfKind(kind, part as Part),
    useExisting: type,
  }));
}

/** Lets Nest make a class, such as a controller, from the kind's parts. */
export function injectOfKind(kind: string, type: Type): void {
  const declared = dependenciesOf(type).map((token, index) => ({
    index,
    param: ownToken(kind, token) ?? token,
  }));
  Reflect.defineMetadata(SELF_DECLARED_DEPS_METADATA, declared, type);
  const optional: unknown = Reflect.getMetadata(OPTIONAL_DEPS_METADATA, type);
  if (optional !== undefined) Reflect.defineMetadata(OPTIONAL_DEPS_METADATA, optional, type);
}

function ofKind(kind: string, provider: Provider): Provider {
  const rename = (token: InjectionToken): InjectionToken => ownToken(kind, token) ?? token;
  if (typeof provider === 'function') {
    // A class, so that Nest makes it, because Nest injects some properties.
    const PartOfKind = class extends (provider as Type<object>) {};
    injectOfKind(kind, PartOfKind);
    return { provide: rename(provider), useClass: PartOfKind };
  }
  const provide = rename(provider.provide);
  if ('useExisting' in provider) {
    return { provide, useExisting: rename(provider.useExisting as InjectionToken) };
  }
  if ('useFactory' in provider) {
    const { inject = [] }: FactoryProvider = provider;
    return { ...provider, provide, inject: inject.map((each) => renamed(each, rename)) };
  }
  return { ...provider, provide };
}

function renamed(
  dependency: InjectionToken | OptionalFactoryDependency,
  rename: (token: InjectionToken) => InjectionToken,
): InjectionToken | OptionalFactoryDependency {
  return typeof dependency === 'object' && 'optional' in dependency
    ? { ...dependency, token: rename(dependency.token) }
    : rename(dependency);
}

function dependenciesOf(type: object): InjectionToken[] {
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, type) ?? []) as InjectionToken[];
  const named = (Reflect.getMetadata(SELF_DECLARED_DEPS_METADATA, type) ?? []) as {
    index: number;
    param: InjectionToken;
  }[];
  const dependencies = [...types];
  for (const { index, param } of named) dependencies[index] = param;
  return dependencies;
}
