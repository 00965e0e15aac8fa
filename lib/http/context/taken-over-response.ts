import { RESPONSE_PASSTHROUGH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { HandlerOfClass } from '../routes/handlers-of-class.js';
import { methodNameOf } from './method-name.js';

// Nest stores a handler's parameters under "<kind>:<position>".
const TAKES_OVER: ReadonlySet<string | undefined> = new Set([
  String(RouteParamtypes.RESPONSE),
  String(RouteParamtypes.NEXT),
]);

/**
 * Whether a handler sends the answer itself (`@Res()` or `@Next()` without passthrough). It may send before anything
 * can be attached, and Nest does not send its return value.
 */
export function takesOverResponse(context: HandlerOfClass): boolean {
  const controller = context.getClass();
  const handler = methodNameOf(context);
  const parameters: unknown = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler);
  const kinds = Object.keys(parameters ?? {}).map((key) => key.split(':')[0]);
  return (
    kinds.some((kind) => TAKES_OVER.has(kind)) &&
    Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, handler) !== true
  );
}
