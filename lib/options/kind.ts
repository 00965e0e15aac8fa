/** The kind of sessions that something belongs to; `undefined` in an application's only, unnamed module. */
export type SessionKind = string | undefined;

/** The parts of a kind of sessions that an application can inject. */
export type PartOfKind = 'sessions' | 'events' | 'health';

/** The parts that only our own decorators need. */
type InnerPart =
  'verification' | 'guard' | 'login' | 'limiter' | 'logins' | 'refusals' | 'failures' | 'warnings';

export const KINDS_ALLOWED = 'a name of up to 32 lower-case letters, digits and `-`, such as staff';

/** A kind becomes part of paths and cookie names. */
export function isKind(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}

/** Makes a thing once for each kind of sessions. */
export function oncePerKind<T>(make: (kind: string) => T): (kind: string) => T {
  const made = new Map<string, T>();
  return (kind) => {
    const thing = made.get(kind) ?? make(kind);
    made.set(kind, thing);
    return thing;
  };
}

/** The injection token of one part of a kind. */
export function tokenOfKind(kind: string, part: PartOfKind | InnerPart): string {
  return `nestjs-auth-sessions:${kind}:${part}`;
}

const ownTokens = oncePerKind(() => new Map<unknown, symbol>());
const meanings = new Map<unknown, unknown>();

/** Gives a part of a kind its own token, instead of the one that the module without a kind uses. */
export function addOwnToken(kind: string, token: unknown): void {
  const tokens = ownTokens(kind);
  if (tokens.has(token)) return;
  const name = typeof token === 'function' ? token.name : String(token);
  const own = Symbol(`nestjs-auth-sessions:${kind}:${name}`);
  tokens.set(token, own);
  meanings.set(own, token);
}

/** The token of a part in a kind; `undefined` if the kind has no such part, or shares it with the other modules. */
export function ownToken(kind: string, token: unknown): symbol | undefined {
  return ownTokens(kind).get(token);
}

/** Finds a part of any kind's module by the token that the module without a kind uses. */
export function findPart<T>(
  providers: ReadonlyMap<unknown, { readonly instance: unknown }>,
  token: symbol | (abstract new (...parts: never[]) => T),
): T | undefined {
  for (const [own, { instance }] of providers) {
    if (own === token || meanings.get(own) === token) return instance as T;
  }
  return undefined;
}
