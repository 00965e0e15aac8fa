import { RESERVED_CLAIMS } from '../tokens/reserved-claims.js';
import { PROTOTYPE_KEYS } from './payload-rules.js';

/** Whether a session claim may write this key of a payload. */
export function isClaimKey(key: unknown): key is string {
  return (
    typeof key === 'string' && key !== '' && !RESERVED_CLAIMS.has(key) && !PROTOTYPE_KEYS.has(key)
  );
}
