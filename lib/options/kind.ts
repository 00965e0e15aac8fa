/** Which kind of sessions a thing is of: `undefined` where an application has one module without a name. */
export type SessionKind = string | undefined;

/** What an application is given of a kind of sessions. */
export type PartOfKind = 'sessions' | 'events' | 'health';

/** What our own decorators need of it beside that. */
type InnerPart = 'guard' | 'login' | 'limiter' | 'logins' | 'refusals';

export const KINDS_ALLOWED = 'a name of up to 32 lower-case letters, digits and `-`, such as staff';

/** It stands in paths and in names of cookies. */
export function isKind(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}

/** The injection token of a part of a kind. */
export function tokenOfKind(kind: string, part: PartOfKind | InnerPart): string {
  return `nestjs-auth-sessions:${kind}:${part}`;
}
