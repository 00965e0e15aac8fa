import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from './bigint-as-number.js';

/**
 * A line of the revocation feed: an ended session, a cut-off, or a notice that a user's claims must be fetched again.
 * Before a cut-off, the sessions of a user or of everyone are dead. Times are milliseconds since the epoch.
 *
 * @publicApi
 */
@Entity({ name: 'auth_session_revocation' })
// The realm is in no index, as with `Session`.
@Index(['revokedAt'])
@Index(['kind', 'expiresAt'])
@Index(['keptUntil'])
@Index(['userId'])
@Index(['handle'])
@Index(['detail'])
export class SessionRevocation {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  /** The realm of the line: empty, or a hash of the options `audience` and `kind`. */
  @Column({ type: 'varchar', length: 32 })
  realm!: string;

  /** `session`, `cut-off` or `stale-claims`. */
  @Column({ type: 'varchar', length: 16 })
  kind!: string;

  /** The session that has ended; null for the other kinds. */
  @Column({ type: 'uuid', nullable: true })
  handle!: string | null;

  /** The user of the session or sessions; null for a cut-off for everyone. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  userId!: string | null;

  /** The tenant; null for a line of all tenants. */
  @Column({ type: 'varchar', length: 128, nullable: true })
  tenantId!: string | null;

  /** Sessions created before this, or claims fetched before it, are no longer valid. */
  @Column({ type: 'bigint', transformer: bigintAsNumber, nullable: true })
  cutOffAt!: number | null;

  @Column({ type: 'varchar', length: 32 })
  reason!: string;

  /** The person who ended a session, or the token that was presented in a theft. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  detail!: string | null;

  @Column({ type: 'bigint', transformer: bigintAsNumber })
  revokedAt!: number;

  /** An access token issued before this line can be valid until then. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  expiresAt!: number;

  /** Until then, the line can explain why a session ended. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  keptUntil!: number;
}
