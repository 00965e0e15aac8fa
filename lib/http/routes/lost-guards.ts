import { METHOD_METADATA } from '@nestjs/common/constants.js';
import type { Flaw } from '../../errors/flaw.js';
import { guardedMethods } from '../decorators/guarded-methods.js';
import {
  declaredOn,
  ForbidImpersonationMetadata,
  lineageOf,
  RequireFreshMetadata,
  VerifySessionMetadata,
} from '../decorators/verify-session.metadata.js';
import type { Declared } from './asked-of-session.js';
import { methodNameOf } from '../context/method-name.js';
import { nameOf, type HandlerOfClass } from './handlers-of-class.js';
import { isGatewayMessage, isResolver, isServiceMessage } from './nest-marks.js';

const MARKS = [VerifySessionMetadata, RequireFreshMetadata, ForbidImpersonationMetadata];

/**
 * Finds a handler that has lost our decorators. A decorator above them may have put another function in the place of the
 * method, or the method overrides the one that has them.
 *
 * @param isGuardedAnyway whether the handler requires a session without them
 */
export function lostGuardFlaw(
  declared: HandlerOfClass,
  isGuardedAnyway: boolean,
): Flaw | undefined {
  const handler = declared.getHandler();
  if (!isCalledByNest(handler)) return undefined;
  const name = methodNameOf(declared);
  const lineage = lineageOf(declared.getClass()) as { readonly prototype: object }[];
  const own = lineage.findIndex(({ prototype }) => Object.hasOwn(prototype, name));
  const decorated = lineage.map(({ prototype }) => guardedMethods(prototype, name));
  if (decorated[own]?.some((former) => hasLost(former, handler))) return replacedFlaw(declared);
  const above = decorated.findIndex((methods, index) => index > own && methods.length > 0);
  if (above < 0) return undefined;
  // An override speaks for itself where it, or a class below the one that it overrides, has a decorator.
  const speaking = [handler, ...lineage.slice(0, above)].map(declaredOn);
  if (speaking.some(({ isGuarded, isPublic }) => isGuarded || isPublic)) return undefined;
  const isLost = decorated[above]
    ?.map(declaredOn)
    .some((former) => asksForMore(former) || (requiresSession(former) && !isGuardedAnyway));
  return isLost === true ? overriddenFlaw(declared) : undefined;
}

function isCalledByNest(handler: object): boolean {
  const isRoute = Reflect.hasMetadata(METHOD_METADATA, handler);
  return isRoute || isGatewayMessage(handler) || isServiceMessage(handler) || isResolver(handler);
}

function hasLost(former: object, handler: object): boolean {
  return MARKS.some(
    ({ KEY }) => Reflect.hasOwnMetadata(KEY, former) && !Reflect.hasOwnMetadata(KEY, handler),
  );
}

function asksForMore({ options, maxAgeMs, forbidsImpersonation }: Declared): boolean {
  const { sessionRequired: _, ...others } = options;
  return Object.keys(others).length > 0 || maxAgeMs !== undefined || forbidsImpersonation;
}

function requiresSession({ options }: Declared): boolean {
  return options.sessionRequired !== false;
}

function replacedFlaw(declared: HandlerOfClass): Flaw {
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} has lost what @VerifySession(), @RequireFresh() or @ForbidImpersonation() asks for, because a decorator above it puts another function in the place of the method.`,
    cure: 'Put ours above the decorator that replaces the method.',
  };
}

function overriddenFlaw(declared: HandlerOfClass): Flaw {
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} overrides a handler that requires a session, and has no decorator for it.`,
    cure: 'Repeat @VerifySession() with its options, or open the handler with @PublicAccess().',
  };
}
