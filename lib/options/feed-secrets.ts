import { isFunction, itemsOf } from './option-checks.js';
import type { OptionReader } from './option-reader.js';
import type { SessionRouteOptions } from './session-module-options.js';

/** The description of a valid secret of the feed, for error messages. */
export const FEED_SECRET_ALLOWED =
  '32 to 512 random characters of base64 or hex (openssl rand -base64 32)';

const MOST_SECRETS = 2;

/**
 * Whether a text can be a secret of the feed. It goes into a header, and random bytes are never short or monotonous.
 */
export function isFeedSecret(text: unknown): text is string {
  return typeof text === 'string' && /^[\w+/.~=-]{32,512}$/.test(text) && new Set(text).size >= 8;
}

/** Reads the option of the route that serves the feed. */
export function readFeedRoute(
  routes: OptionReader,
  name: string,
): false | (SessionRouteOptions & { readonly secrets: readonly string[] }) {
  if (routes.value(name) === undefined) return false;
  const reader = routes.nestedOrFalse(name);
  if (!reader) return false;
  reader.required('secrets');
  const allowed = `an array of one or two texts, each of ${FEED_SECRET_ALLOWED}`;
  const secrets = reader.converted('secrets', asSecrets, allowed) ?? [];
  const decorators = reader.list('decorators', isFunction, 'decorators') as
    readonly MethodDecorator[] | undefined;
  reader.refuseUnknown();
  return { secrets, ...(decorators === undefined ? {} : { decorators }) };
}

function asSecrets(value: unknown): readonly string[] | undefined {
  const items = itemsOf(value);
  if (items === undefined || items.length === 0 || items.length > MOST_SECRETS) return undefined;
  return items.every(isFeedSecret) ? Object.freeze(items) : undefined;
}
