import { RESERVED_CLAIMS } from '../tokens/reserved-claims.js';

// Through these names, one object reaches the prototype of others (CWE-1321).
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a session claim may write this key of a payload. */
export function isClaimKey(key: unknown): key is string {
  return (
    typeof key === 'string' && key !== '' && !RESERVED_CLAIMS.has(key) && !PROTOTYPE_KEYS.has(key)
  );
}
