import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from './bigint-as-number.js';

/**
 * A key of the server: one that signs JWTs, or the secret behind refresh tokens. It is encrypted if `encryptionKey` is
 * set.
 *
 * @publicApi
 */
@Entity({ name: 'auth_session_key' })
// The unique slot makes instances that rotate at once settle on one key.
@Index(['realm', 'kind', 'algorithm', 'sequence'], { unique: true })
export class SessionSigningKey {
  /** `d-` (rotating), `s-` (static) or `m-` (refresh tokens), then 16 random characters. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  kid!: string;

  /** The realm of the key: empty, or a hash of the options `audience` and `kind`. */
  @Column({ type: 'varchar', length: 32 })
  realm!: string;

  @Column({ type: 'varchar', length: 16 })
  kind!: string;

  @Column({ type: 'varchar', length: 16 })
  algorithm!: string;

  /** Counts the keys of one realm, kind and algorithm. */
  @Column({ type: 'int' })
  sequence!: number;

  /** PKCS #8 or secret bytes in base64, or their encryption. */
  @Column({ type: 'text' })
  material!: string;

  @Column({ type: 'bigint', transformer: bigintAsNumber })
  createdAt!: number;

  /** The key signs from then on; it is published earlier. */
  @Column({ type: 'bigint', transformer: bigintAsNumber })
  activeAt!: number;
}
