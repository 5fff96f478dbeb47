import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An account of this cloud, kept in our own table. */
@Entity({ name: 'account' })
export class AccountRecord {
  @PrimaryColumn('text')
  id: string;

  /** `name@one-of-our-domains`. */
  @Column('text')
  username: string;

  @Column('text')
  displayName: string;

  /** argon2id, in PHC form; null: no sign-in by password. */
  @Column('text', { nullable: true })
  passwordHash: string | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;
}

/** Another address of an account. */
@Entity({ name: 'account_email' })
export class AccountEmail {
  @PrimaryColumn('text')
  email: string;

  @Column('text')
  accountId: string;
}
