import { Injectable, type ExceptionFilter, type Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { SessionExceptionFilter } from './session-exception.filter.js';

// @nestjs/websockets marks its gateways by this name; nothing of it is imported here.
const GATEWAY_METADATA = 'websockets:is_gateway';

/**
 * Nest runs no filter of the whole application on gateways, and answers "Internal server error" for what no filter
 * catches. So each gateway gets the filter of session errors, behind its own filters. This happens as soon as it is made,
 * since gateways are bound before any hook of a module is called.
 */
@Injectable()
export class GatewayErrors {
  constructor(modules: ModulesContainer, filter: SessionExceptionFilter) {
    const providers = [...modules.values()].flatMap((module) => [...module.providers.values()]);
    for (const { metatype } of providers) {
      if (typeof metatype === 'function' && Reflect.hasMetadata(GATEWAY_METADATA, metatype)) {
        putBehindOthers(filter, metatype as Type);
      }
    }
  }
}

function putBehindOthers(filter: SessionExceptionFilter, gateway: Type): void {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, gateway) ?? []) as (
    ExceptionFilter | Type<ExceptionFilter>
  )[];
  // Another application in this process may have the same gateway.
  const others = filters.filter((each) => !(each instanceof SessionExceptionFilter));
  Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [filter, ...others], gateway);
}
