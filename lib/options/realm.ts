import { sha256Hex } from '../tokens/secrets.js';

/**
 * Whose rows are whose in a database: applications that have an audience each never meet there. A hash, since it stands in
 * the text of statements, and half of one, since it stands in every index; empty where there is no audience.
 */
export function realmOf(audience: string | undefined): string {
  return audience === undefined ? '' : sha256Hex(audience).slice(0, 32);
}
