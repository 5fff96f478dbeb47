import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Permission } from '../../ocm/permission.js';
import { SCHEMA } from '../../persistence/connection.js';

export const INCOMING_STATES = ['pending', 'accepted', 'declined', 'left', 'revoked', 'expired'] as const;
export type IncomingState = (typeof INCOMING_STATES)[number];

/** A share that somebody of another cloud offers to an account of ours. */
@Entity({ name: 'incoming_share', schema: SCHEMA })
export class IncomingShareRow {
  @PrimaryColumn('text') id: string;
  @Column('text') relationshipId: string;
  /** The provider's id of the share; plain OCM 0.0.3 has none. */
  @Column('text', { nullable: true }) shareId: string | null;
  /** The provider's id of the resource. */
  @Column('text') providerId: string;
  @Column('text') owner: string;
  /** The recipient as the offer named them. */
  @Column('text') shareWith: string;
  @Column('text') recipientAccount: string;
  @Column('text') name: string;
  @Column('text', { nullable: true }) description: string | null;
  @Column('text') permission: Permission;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null;
  @Column('text') state: IncomingState;
  @Column('text', { nullable: true }) reason: string | null;
  /** The provider has answered our acceptance: the token works. */
  @Column('boolean', { default: false }) confirmed: boolean;
  @Column('jsonb') protocolNames: string[];
  /** Protocols with their credentials, sealed; gone with the share. */
  @Column('text', { nullable: true }) protocolsSealed: string | null;
  /** Keyed digest of the offer's meaning as first received. */
  @Column('text') offerDigest: string;
  /** Of the last change that had an effect. */
  @Column('bigint', { default: 0 }) sequence: string;
  /** Whether its recipient was told that its time is over. */
  @Column('boolean', { default: false }) expiryTold: boolean;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { default: () => 'now()' }) changedAt: Date;
}

/** A withdrawal that came before its share: the offer must not come to life afterwards. */
@Entity({ name: 'share_tombstone', schema: SCHEMA })
export class ShareTombstoneRow {
  @PrimaryColumn('text') relationshipId: string;
  @PrimaryColumn('text') shareId: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
}

/** The same for a share that has no id of its own. `shareWith` is empty if the withdrawal named nobody: then for everybody. */
@Entity({ name: 'plain_tombstone', schema: SCHEMA })
export class PlainTombstoneRow {
  @PrimaryColumn('text') relationshipId: string;
  @PrimaryColumn('text') providerId: string;
  @PrimaryColumn('text') shareWith: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
}
