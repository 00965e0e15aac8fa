import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from './bigint-as-number.js';

/**
 * One login session. It holds no token, and only the hash of the last spent refresh token. Times are milliseconds since
 * the epoch.
 *
 * @publicApi
 */
@Entity({ name: 'auth_session' })
// The realm is in no index. Without statistics, PostgreSQL would consider it selective, and read all rows of the realm
// to find those of a few handles. The handle follows the user, so that a user's sessions can be read in pages, newest
// first.
@Index(['userId', 'handle'])
@Index(['expiresAt'])
export class Session {
  /** A time-ordered UUID (version 7), so that inserts stay local in the index. An identifier, never a credential. */
  @PrimaryColumn({ type: 'uuid' })
  handle!: string;

  /** The realm of the session: empty, or a hash of the options `audience` and `kind`. */
  @Column({ type: 'varchar', length: 32 })
  realm!: string;

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

  @Column({ type: 'bigint', transformer: bigintAsNumber })
  rotatedAt!: number;

  /** When a token of this generation was first seen in use; null until then. */
  @Column({ type: 'bigint', transformer: bigintAsNumber, nullable: true })
  confirmedAt!: number | null;

  /** The user's own part of the access token's payload: JSON. */
  @Column({ type: 'text' })
  accessTokenPayload!: string;

  /** The application's own data for the session, which no client sees: JSON. */
  @Column({ type: 'text' })
  sessionData!: string;

  /** Counts changes of `accessTokenPayload`, so that two simultaneous writers lose nothing. */
  @Column({ type: 'int' })
  dataVersion!: number;

  /** Whether its cookies outlive the browser ("remember me"). */
  // JavaScript's name of the type: with a database's name, TypeORM would report this column for drivers that use
  // another name.
  @Column({ type: Boolean })
  persistent!: boolean;

  @Column({ type: 'bigint', transformer: bigintAsNumber })
  createdAt!: number;

  /** When the user last proved their identity. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  authenticatedAt!: number;

  /** The last refresh, or the login. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  lastActiveAt!: number;

  /** From then on the session is dead, even if its row still exists. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  expiresAt!: number;

  /** The person who acts in the session as its user, and the reason: JSON. Null in a session of the user themselves. */
  @Column({ type: 'text', nullable: true })
  actor!: string | null;

  /** The session in which this session's user acts, or last acted, as somebody else. */
  @Column({ type: 'uuid', nullable: true })
  impersonating!: string | null;
  /** The public key of the device that the session is bound to: a JWK. Null if it is bound to none. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  deviceKey!: string | null;

  /** When the newest challenge that the device has answered was made; null without a device. */
  @Column({ type: 'bigint', transformer: bigintAsNumber, nullable: true })
  challengeAcceptedAt!: number | null;

  @Column({ type: 'varchar', length: 64, nullable: true })
  ip!: string | null;

  @Column({ type: 'varchar', length: 256, nullable: true })
  userAgent!: string | null;
}
