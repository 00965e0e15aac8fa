import { Injectable, type ExceptionFilter, type Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { SessionExceptionFilter } from './session-exception.filter.js';

// @nestjs/websockets and @nestjs/microservices mark their classes with these names. Nothing is imported from them here.
const GATEWAY_METADATA = 'websockets:is_gateway';
const PATTERN_METADATA = 'microservices:pattern';

/**
 * Nest runs no filter of the whole application on gateways, nor on messages of a hybrid application without
 * `inheritAppConfig`. It answers "Internal server error" for uncaught errors. So each such class gets the filter of
 * session errors, behind its own filters. It gets it as soon as the class is instantiated, because gateways and
 * messages are bound before any hook of a module is called.
 */
@Injectable()
export class TransportFilters {
  private readonly scanner = new MetadataScanner();

  constructor(modules: ModulesContainer, filter: SessionExceptionFilter) {
    const all = [...modules.values()];
    const classesOf = (kind: 'providers' | 'controllers'): unknown[] =>
      all.flatMap((module) => [...module[kind].values()].map(({ metatype }) => metatype));
    for (const type of [...classesOf('providers').filter(isGateway), ...classesOf('controllers')]) {
      if (isGateway(type) || this.hasMessages(type)) putBehindOthers(filter, type as Type);
    }
  }

  private hasMessages(type: unknown): boolean {
    if (typeof type !== 'function') return false;
    const prototype = type.prototype as Record<string, object>;
    return this.scanner
      .getAllMethodNames(prototype)
      .some((name) => Reflect.hasMetadata(PATTERN_METADATA, prototype[name] ?? {}));
  }
}

function isGateway(type: unknown): boolean {
  return typeof type === 'function' && Reflect.hasMetadata(GATEWAY_METADATA, type);
}

function putBehindOthers(filter: SessionExceptionFilter, type: Type): void {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, type) ?? []) as (
    ExceptionFilter | Type<ExceptionFilter>
  )[];
  // Another application in this process may use the same class.
  const others = filters.filter((each) => !(each instanceof SessionExceptionFilter));
  Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [filter, ...others], type);
}
