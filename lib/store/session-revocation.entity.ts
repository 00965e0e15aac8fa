import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * A line of the revocation feed: a session that has ended, a cut-off before which sessions of a user, or of everyone, are
 * dead, or the word that a user's claims have to be fetched again. Times are milliseconds since the epoch.
 *
 * @publicApi
 */
@Entity({ name: 'auth_session_revocation' })
@Index(['realm', 'revokedAt'])
@Index(['realm', 'kind', 'expiresAt'])
@Index(['realm', 'keptUntil'])
@Index(['realm', 'userId'])
@Index(['realm', 'handle'])
@Index(['realm', 'detail'])
export class SessionRevocation {
  /** Whose line it is: empty, or a hash of the options `audience` and `kind`. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  realm!: string;

  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  /** `session`, `cut-off` or `stale-claims`. */
  @Column({ type: 'varchar', length: 16 })
  kind!: string;

  /** The session that has ended; null for the other kinds. */
  @Column({ type: 'uuid', nullable: true })
  handle!: string | null;

  /** Whose session or sessions; null for a cut-off of everyone's. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  userId!: string | null;

  /** In which tenant; null for a line of all tenants. */
  @Column({ type: 'varchar', length: 128, nullable: true })
  tenantId!: string | null;

  /** What was created, or fetched, before does not count any more. */
  @Column({ type: 'bigint', nullable: true })
  cutOffAt!: number | null;

  @Column({ type: 'varchar', length: 32 })
  reason!: string;

  /** Who ended a session, or what was presented in a theft. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  detail!: string | null;

  @Column({ type: 'bigint' })
  revokedAt!: number;

  /** Until then an access token that was issued before can still be valid. */
  @Column({ type: 'bigint' })
  expiresAt!: number;

  /** Until then the line can tell why a session ended. */
  @Column({ type: 'bigint' })
  keptUntil!: number;
}
