import { isDeepStrictEqual } from 'node:util';
import { SessionInputException } from '../../errors/session-input.exception.js';
import type { GuardedRouteOptions } from './verify-session.metadata.js';

/** Combines the requirements of two decorators of one kind on the same handler or class. */
type Together<Asked> = (below: Asked, above: Asked, where: string) => Asked;

/**
 * Leaves a decorator's mark on a handler or class. `SetMetadata` would overwrite that of one further below, which then
 * counts for nothing. Inherited marks belong to the class above.
 */
export function markTogether<Asked>(
  { KEY }: { readonly KEY: string },
  asked: Asked,
  together: Together<Asked>,
): MethodDecorator & ClassDecorator {
  return (target: object, name?: string | symbol, descriptor?: PropertyDescriptor): void => {
    const marked = (descriptor?.value ?? target) as object;
    const below = Reflect.getOwnMetadata(KEY, marked) as Asked | undefined;
    const all = below === undefined ? asked : together(below, asked, nameOfTarget(target, name));
    Reflect.defineMetadata(KEY, all, marked);
  };
}

/** @throws {SessionInputException} for an option with two values */
export function optionsTogether(
  below: GuardedRouteOptions,
  above: GuardedRouteOptions,
  where: string,
): GuardedRouteOptions {
  // One that does not name it requires a session.
  const asked: Record<string, unknown> = { sessionRequired: true, ...below };
  for (const [name, value] of Object.entries({ sessionRequired: true, ...above })) {
    const isSame = !Object.hasOwn(asked, name) || isDeepStrictEqual(asked[name], value);
    if (!isSame) throw differs(name, '@VerifySession()', where);
  }
  return { ...below, ...above };
}

/** @throws {SessionInputException} for two ages */
export function agesTogether(below: number, above: number, where: string): number {
  if (below === above) return above;
  throw differs('maxAge', '@RequireFresh()', where);
}

/** @throws {SessionInputException} because there would be two logins */
export function onlyOneLogin(_below: unknown, _above: unknown, where: string): never {
  throw new SessionInputException(
    'options',
    `are given twice: ${where} has two @CreateSession(). Remove one`,
  );
}

function differs(option: string, decorator: string, where: string): SessionInputException {
  return new SessionInputException(
    option,
    `differs between two ${decorator} on ${where}: give both the same value, or remove one of the two`,
  );
}

function nameOfTarget(target: object, name: string | symbol | undefined): string {
  if (name === undefined) return (target as { name?: string }).name ?? '';
  return `${target.constructor.name}.${String(name)}`;
}
