import { sha256Hex } from '../tokens/secrets.js';
import type { SessionKind } from './kind.js';

/**
 * Separates the rows of one database: two kinds of sessions never meet there, nor do applications with different
 * audiences. A kind keeps its rows even if its audience changes. It is a hash because it goes into the text of
 * statements, and half a hash because it is in every row. It is empty without a kind and an audience.
 */
export function realmOf(audience: string | undefined, kind?: SessionKind): string {
  if (kind === undefined) return audience === undefined ? '' : hashOf(audience);
  return hashOf(JSON.stringify({ kind }));
}

function hashOf(text: string): string {
  return sha256Hex(text).slice(0, 32);
}
