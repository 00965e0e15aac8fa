import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * One login session. It holds no token: of the refresh tokens only the hash of the last spent one is kept.
 * Times are milliseconds since the epoch.
 *
 * @publicApi
 */
@Entity({ name: 'auth_session' })
// Each index begins with the realm: what another application of the same database keeps is never gone over.
@Index(['realm', 'userId', 'tenantId'])
@Index(['realm', 'expiresAt'])
export class Session {
  /** Whose session it is: empty, or a hash of the options `audience` and `kind`. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  realm!: string;

  /** A time-ordered UUID (version 7), so that inserts stay local in the index. An identifier, never a credential. */
  @PrimaryColumn({ type: 'uuid' })
  handle!: string;

  @Column({ type: 'varchar', length: 255 })
  userId!: string;

  @Column({ type: 'varchar', length: 128 })
  tenantId!: string;

  /** How many times the refresh token has been rotated. */
  @Column({ type: 'int' })
  generation!: number;

  /** SHA-256, in hex, of the spent refresh token that began this generation; zeros in the first. */
  @Column({ type: 'varchar', length: 64 })
  parentRefreshTokenHash!: string;

  @Column({ type: 'bigint' })
  rotatedAt!: number;

  /** When a token of this generation was first seen in use; null until then. */
  @Column({ type: 'bigint', nullable: true })
  confirmedAt!: number | null;

  /** The user's own part of the access token's payload: JSON. */
  @Column({ type: 'text' })
  accessTokenPayload!: string;

  /** What the application keeps for the session and no client sees: JSON. */
  @Column({ type: 'text' })
  sessionData!: string;

  /** Counts changes of `accessTokenPayload`, so that two writers at once lose nothing. */
  @Column({ type: 'int' })
  dataVersion!: number;

  /** Whether its cookies outlive the browser ("remember me"). */
  // In JavaScript's words: TypeORM would name this column to whoever uses a driver that has another word for it.
  @Column({ type: Boolean })
  persistent!: boolean;

  @Column({ type: 'bigint' })
  createdAt!: number;

  /** When the user last proved who they are. */
  @Column({ type: 'bigint' })
  authenticatedAt!: number;

  /** The last refresh, or the login. */
  @Column({ type: 'bigint' })
  lastActiveAt!: number;

  /** From then on the session is dead, whether or not the row has been pruned. */
  @Column({ type: 'bigint' })
  expiresAt!: number;

  @Column({ type: 'varchar', length: 64, nullable: true })
  ip!: string | null;

  @Column({ type: 'varchar', length: 256, nullable: true })
  userAgent!: string | null;
}
