import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A session of a person from another cloud. */
@Entity({ name: 'foreign_session' })
export class ForeignSession {
  /** SHA-256 of the session's id: whoever reads the table cannot take a session over. */
  @PrimaryColumn('text')
  idHash: string;

  /** Origin of the person's cloud. */
  @Column('text')
  home: string;

  @Column('text')
  subject: string;

  @Column('text')
  username: string;

  @Column('text')
  displayName: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;
}
