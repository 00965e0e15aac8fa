import { sha256Hex } from '../tokens/secrets.js';
import type { SessionKind } from './kind.js';

/**
 * Whose rows are whose in a database: applications that have an audience each never meet there, nor do two kinds of
 * sessions. A hash, since it stands in the text of statements, and half of one, since it stands in every index; empty
 * where there is neither.
 */
export function realmOf(audience: string | undefined, kind?: SessionKind): string {
  if (kind === undefined) return audience === undefined ? '' : hashOf(audience);
  return hashOf(JSON.stringify({ kind, audience }));
}

function hashOf(text: string): string {
  return sha256Hex(text).slice(0, 32);
}
