import { textOrNull } from './column-values.js';
import type { SessionRevocation } from './session-revocation.entity.js';

/** The columns of a line, in the order of `toRevocationParameters`. */
export const REVOCATION_COLUMNS = [
  'id',
  'kind',
  'handle',
  'userId',
  'tenantId',
  'cutOffAt',
  'reason',
  'detail',
  'revokedAt',
  'expiresAt',
  'keptUntil',
] as const satisfies readonly (keyof SessionRevocation)[];

// In the order of a whole reading: the few that concern many sessions come first.
export const REVOCATION_KINDS = ['cut-off', 'stale-claims', 'session'] as const;

/** A stored line of the feed. Times in milliseconds since the epoch. */
export interface RevocationRecord {
  readonly id: string;
  readonly kind: (typeof REVOCATION_KINDS)[number];
  readonly handle: string | null;
  readonly userId: string | null;
  readonly tenantId: string | null;
  readonly cutOffAtMs: number | null;
  readonly reason: string;
  readonly detail: string | null;
  readonly revokedAtMs: number;
  readonly expiresAtMs: number;
  readonly keptUntilMs: number;
}

/** The parameters of an insert, in the order of the columns. */
export function toRevocationParameters(record: RevocationRecord): unknown[] {
  return [
    record.id,
    record.kind,
    record.handle,
    record.userId,
    record.tenantId,
    record.cutOffAtMs,
    record.reason,
    record.detail,
    record.revokedAtMs,
    record.expiresAtMs,
    record.keptUntilMs,
  ];
}

/** A line as a statement selects it. */
export function toRevocationRecord(row: Readonly<Record<string, unknown>>): RevocationRecord {
  const kind = row['kind'];
  return {
    id: String(row['id']),
    kind: kind === 'cut-off' || kind === 'stale-claims' ? kind : 'session',
    handle: textOrNull(row['handle']),
    userId: textOrNull(row['userId']),
    tenantId: textOrNull(row['tenantId']),
    cutOffAtMs: row['cutOffAt'] === null ? null : Number(row['cutOffAt']),
    reason: String(row['reason']),
    detail: textOrNull(row['detail']),
    revokedAtMs: Number(row['revokedAt']),
    expiresAtMs: Number(row['expiresAt']),
    keptUntilMs: Number(row['keptUntil']),
  };
}
