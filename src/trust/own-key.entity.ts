import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

/** A federation key of ours; the one that is not retired is shown to peers. */
@Entity({ name: 'own_key', schema: SCHEMA })
export class OwnKeyRow {
  @PrimaryColumn('text') pin: string;
  /** PEM. */
  @Column('text') certificate: string;
  /** PKCS#8 PEM, sealed; empty once it is retired. */
  @Column('text') privateKeySealed: string;
  /** Whether we made the certificate, so that we may renew it. Null: from before this was written down. */
  @Column('boolean', { nullable: true }) madeHere: boolean | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) retiredAt: Date | null;
}

/** What is known of this installation as a whole: one row. */
@Entity({ name: 'installation', schema: SCHEMA })
export class InstallationRow {
  @PrimaryColumn('text') id: string;
  /** Of the key outside of the database that seals everything in it. */
  @Column('text') sealKeyFingerprint: string;
  /** What peers were last told of us, as told. */
  @Column('jsonb', { nullable: true }) toldProfile: object | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
}
