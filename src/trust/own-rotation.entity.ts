import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

/** An alert's kind: a peer that did not hear of our new key in time. */
export const OWN_KEY_MISSED = 'own-certificate-missed';

/** A change of our own key: one is open at most. */
@Entity({ name: 'own_rotation', schema: SCHEMA })
export class OwnRotationRow {
  @PrimaryColumn('text') id: string;
  /** Of the new key. */
  @Column('text') pin: string;
  /** PEM. */
  @Column('text') certificate: string;
  /** PKCS#8 PEM, sealed; gone once the rotation has ended. */
  @Column('text', { nullable: true }) privateKeySealed: string | null;
  @Column('timestamptz') switchBy: Date;
  @Column('timestamptz', { default: () => 'now()' }) startedAt: Date;
  @Column('timestamptz', { nullable: true }) endedAt: Date | null;
  @Column('text', { nullable: true }) outcome: 'switched' | 'cancelled' | null;
}

/** A peer that has to hear of it. */
@Entity({ name: 'own_rotation_peer', schema: SCHEMA })
export class OwnRotationPeerRow {
  @PrimaryColumn('text') rotationId: string;
  @PrimaryColumn('text') relationshipId: string;
  /** When it answered that it knows the new key. */
  @Column('timestamptz', { nullable: true }) toldAt: Date | null;
  /** Why it cannot be told: our own word in small letters, or the code of its refusal. */
  @Column('text', { nullable: true }) reason: string | null;
}
