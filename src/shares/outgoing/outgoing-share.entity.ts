import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Permission } from '../../ocm/permission.js';
import type { Flavour } from '../../ocm/share-offer.js';
import { SCHEMA } from '../../persistence/connection.js';

export const OUTGOING_STATES = [
  'pending-delivery',
  'pending',
  'accepted',
  'declined',
  'left',
  'withdrawn',
  'expired',
  'failed',
] as const;
export type OutgoingState = (typeof OUTGOING_STATES)[number];

/** A share that an account of ours offers to somebody of another cloud. */
@Entity({ name: 'outgoing_share', schema: SCHEMA })
export class OutgoingShareRow {
  @PrimaryColumn('text') id: string;
  @Column('text') relationshipId: string;
  /** How it was offered, and is spoken of as long as there is anything to say: whatever the peer's policy is by then. */
  @Column('text', { default: 'powerfolder' }) flavour: Flavour;
  /** What the share is called between the two clouds, unless it is a plain one: then the other cloud never saw it. */
  @Column('text') shareId: string;
  /** `user@domain`. */
  @Column('text') owner: string;
  @Column('text') ownerAccount: string;
  /** `user@domain` of the recipient. */
  @Column('text') shareWith: string;
  @Column('text') resourceId: string;
  @Column('text') name: string;
  @Column('text', { nullable: true }) description: string | null;
  @Column('text') permission: Permission;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null;
  @Column('text') state: OutgoingState;
  @Column('text', { nullable: true }) reason: string | null;
  /** SHA-256 of the token that lets the recipient in; gone with the share. */
  @Column('text', { nullable: true }) tokenHash: string | null;
  /** The other cloud's id of it. */
  @Column('text', { nullable: true }) remoteId: string | null;
  /** Of the last change that was told: orders changes at the other cloud. */
  @Column('bigint', { default: 0 }) sequence: string;
  /** The delivery of the offer. */
  @Column('text', { nullable: true }) deliveryId: string | null;
  /** The share that took its place when it was sent again. */
  @Column('text', { nullable: true }) resentAs: string | null;
  /** Whether its owner was told that its time is over. */
  @Column('boolean', { default: false }) expiryTold: boolean;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { default: () => 'now()' }) changedAt: Date;
}
