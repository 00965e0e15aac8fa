import type { Components } from './components.js';
import type { Json } from './openapi.js';
import type { DescribedOptions } from './session-set-ups.js';

/** How a request carries its session. */
export type SessionScheme = 'cookie' | 'bearer';

/** The ways that a module's options allow. */
export function possibleSchemes(options: DescribedOptions): readonly SessionScheme[] {
  const { fixedTransferMethod: fixed } = options;
  if (fixed === undefined) return ['cookie', 'bearer'];
  return [fixed === 'cookie' ? 'cookie' : 'bearer'];
}

/** Adds the schemes that carry a token. @returns their names */
export function securitySchemes(
  token: 'access' | 'refresh',
  ways: readonly SessionScheme[],
  { cookie, kind }: DescribedOptions,
  components: Components,
): string[] {
  const { secureName, name } = token === 'access' ? cookie.accessToken : cookie.refreshToken;
  const plain =
    cookie.secure === 'auto' ? ` On a plain http page on localhost, its name is ${name}.` : '';
  const definitions: Record<SessionScheme, Json> = {
    cookie: {
      type: 'apiKey',
      in: 'cookie',
      name: secureName,
      description: `The ${token} token, set by a login.${plain}`,
    },
    bearer: {
      type: 'http',
      scheme: 'bearer',
      ...(token === 'access' ? { bearerFormat: 'JWT' } : {}),
      description: `The ${token} token, from the answer to a login with the header \`st-auth-mode: header\`.`,
    },
  };
  const prefix = kind === undefined ? 'session' : `${kind}-session`;
  const part = token === 'access' ? '' : 'Refresh';
  return ways.map((way) => {
    const suffix = way === 'cookie' ? 'Cookie' : 'Bearer';
    return components.securityScheme(`${prefix}${part}${suffix}`, definitions[way]);
  });
}
