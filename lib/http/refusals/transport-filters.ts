import { Injectable, type ExceptionFilter, type Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { handlersOf } from '../routes/handlers-of-class.js';
import { isGateway, isServiceMessage } from '../routes/nest-marks.js';
import { SessionExceptionFilter } from './session-exception.filter.js';

/**
 * Nest runs no filter of the whole application on gateways, nor on messages of a hybrid application without
 * `inheritAppConfig`. It answers "Internal server error" for uncaught errors. So each such class gets the filter of
 * session errors, behind its own filters. It gets it as soon as the class is instantiated, because gateways and
 * messages are bound before any hook of a module is called.
 */
@Injectable()
export class TransportFilters {
  constructor(modules: ModulesContainer, filter: SessionExceptionFilter) {
    const all = [...modules.values()];
    const classesOf = (kind: 'providers' | 'controllers'): Type[] =>
      all
        .flatMap((module) => [...module[kind].values()].map(({ metatype }) => metatype as Type))
        .filter((type) => typeof type === 'function');
    for (const type of [...classesOf('providers').filter(isGateway), ...classesOf('controllers')]) {
      if (isGateway(type) || handlersOf(type).some(isServiceMessage)) putBehindOthers(filter, type);
    }
  }
}

function putBehindOthers(filter: SessionExceptionFilter, type: Type): void {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, type) ?? []) as (
    ExceptionFilter | Type<ExceptionFilter>
  )[];
  // Another application in this process may use the same class.
  const others = filters.filter((each) => !(each instanceof SessionExceptionFilter));
  Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [filter, ...others], type);
}
