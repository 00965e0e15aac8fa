import type { AccessTokenPayload } from './access-token-payload.js';
import { isClaimKey } from './claim-key.js';

/**
 * The update that turns the first payload into the second, in which `null` deletes a key; `undefined` if their JSON is
 * the same. It never contains reserved names.
 */
export function payloadChanges(
  before: Readonly<AccessTokenPayload>,
  after: Readonly<AccessTokenPayload>,
): AccessTokenPayload | undefined {
  if (before === after) return undefined;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names]
    .filter((name) => isClaimKey(name) && jsonOf(before, name) !== jsonOf(after, name))
    .map((name): [string, unknown] => [
      name,
      jsonOf(after, name) === undefined ? null : after[name],
    ]);
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

function jsonOf(payload: Readonly<AccessTokenPayload>, name: string): string | undefined {
  return Object.hasOwn(payload, name) ? JSON.stringify(payload[name]) : undefined;
}
