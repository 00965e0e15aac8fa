import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import type { Flaw } from '../../errors/flaw.js';
import { guardedMethods } from '../decorators/guarded-methods.js';
import { declaredOn, lineageOf } from '../decorators/verify-session.metadata.js';
import { askedOfSession, type AskedOfSession, type Declared } from './asked-of-session.js';
import { methodNameOf } from '../context/method-name.js';
import { declaredHandler } from './guarded-routes.js';
import { nameOf, type HandlerOfClass } from './handlers-of-class.js';
import { isGatewayMessage, isResolver, isServiceMessage } from './nest-marks.js';

type Demands = Pick<Declared, 'options' | 'maxAgeMs' | 'forbidsImpersonation'>;

const OPEN: AskedOfSession = { kind: 'open' };
const NO_DEMANDS: Demands = {
  options: { sessionRequired: false },
  maxAgeMs: undefined,
  forbidsImpersonation: false,
};

/**
 * Finds a handler that asks for less because it has lost our decorators. A decorator above them may have put another
 * function in the place of the method, or the method overrides the one that has them.
 *
 * @param isGuardedByApplication whether a guard of the whole application runs before the handler
 */
export function lostGuardFlaw(
  declared: HandlerOfClass,
  isGuardedByApplication: boolean,
): Flaw | undefined {
  const handler = declared.getHandler();
  if (!isCalledByNest(handler)) return undefined;
  const name = methodNameOf(declared);
  const lineage = lineageOf(declared.getClass()) as Type[];
  const own = lineage.findIndex(({ prototype }) => Object.hasOwn(prototype as object, name));
  const declares = [handler, ...lineage].some((each) => declaredOn(each).isGuarded);
  const asked = askedOf(handler, declared.getClass());
  const hasLost = (former: object, type: Type, isGuarded: boolean) =>
    asksForLess(isGuarded ? asked : OPEN, askedOf(former, type));

  // The guard of the application may not reach messages, and nobody loses a decorator on purpose.
  const replaced = guardedOn(lineage[own], name);
  if (replaced.some((former) => hasLost(former, declared.getClass(), declares))) {
    return replacedFlaw(declared);
  }
  const above = lineage.find((type, index) => index > own && guardedOn(type, name).length > 0);
  if (above === undefined) return undefined;
  // An override speaks for itself where it, or a class below the one that it overrides, has a decorator.
  const speaking = [handler, ...lineage.slice(0, lineage.indexOf(above))].map(declaredOn);
  if (speaking.some((each) => each.isGuarded || each.isPublic)) return undefined;
  const isGuarded = declares || isGuardedByApplication;
  const isLost = guardedOn(above, name).some((former) => hasLost(former, above, isGuarded));
  return isLost ? overriddenFlaw(declared) : undefined;
}

function isCalledByNest(handler: object): boolean {
  const isRoute = Reflect.hasMetadata(METHOD_METADATA, handler);
  return isRoute || isGatewayMessage(handler) || isServiceMessage(handler) || isResolver(handler);
}

// `@UseGuards(SessionGuard)` notes nothing.
function guardedOn(type: Type | undefined, name: string): readonly object[] {
  if (type === undefined) return [];
  const prototype = type.prototype as object;
  const noted = guardedMethods(prototype, name);
  const method: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  const isGuarded = typeof method === 'function' && declaredOn(method).isGuarded;
  return isGuarded ? [...noted, method] : noted;
}

function askedOf(handler: object, type: Type): AskedOfSession {
  return askedOfSession(declaredHandler({ getHandler: () => handler, getClass: () => type }));
}

function asksForLess(asked: AskedOfSession, former: AskedOfSession): boolean {
  // A contradiction that is in force has a flaw of its own.
  if (asked.kind === 'contradiction' || former.kind === 'open') return false;
  if (former.kind === 'contradiction') return true;
  const { options, maxAgeMs, forbidsImpersonation } = asked.kind === 'open' ? NO_DEMANDS : asked;
  const inForce = new Map<string, unknown>(Object.entries(options));
  const isOptional = options.sessionRequired === false && former.options.sessionRequired !== false;
  const isOptionLost = Object.entries(former.options).some(
    ([name, value]) => !asksForNothing(value) && !isDeepStrictEqual(inForce.get(name), value),
  );
  const isOlder = (maxAgeMs ?? Infinity) > (former.maxAgeMs ?? Infinity);
  const isOpenToActors = former.forbidsImpersonation && !forbidsImpersonation;
  return isOptional || isOptionLost || isOlder || isOpenToActors;
}

function asksForNothing(value: unknown): boolean {
  return value === false || (Array.isArray(value) && value.length === 0);
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
