import { Column, Entity, PrimaryColumn } from 'typeorm';

export type Plan = 'free' | 'team';
export type Role = 'admin' | 'member';

/** The properties of a user that may leave the server. */
export interface Account {
  id: string;
  email: string;
  name: string;
  plan: Plan;
  role: Role;
}

/** The sample's own table of users. The session package never looks at it. */
@Entity({ name: 'sample_user' })
export class User implements Account {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  /** In lower case. */
  @Column({ type: 'varchar', length: 254, unique: true })
  email!: string;

  @Column({ type: 'varchar', length: 60 })
  name!: string;

  @Column({ type: 'varchar', length: 10 })
  plan!: Plan;

  @Column({ type: 'varchar', length: 10, default: 'member' })
  role!: Role;

  @Column({ type: 'varchar', length: 200 })
  passwordHash!: string;
}
