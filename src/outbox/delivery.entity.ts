import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

export type DeliveryState = 'waiting' | 'delivered' | 'refused' | 'expired' | 'cancelled';

/** One promise to tell a peer something. */
@Entity({ name: 'delivery', schema: SCHEMA })
export class DeliveryRow {
  /** Also the `Idempotency-Key` of every attempt. */
  @PrimaryColumn('text') id: string;
  /** Rises in the order of enqueueing: the order in which deliveries of one `orderingKey` are sent. */
  @Column({ type: 'bigint', insert: false, update: false }) position: string;
  @Column('text') kind: string;
  /** Id of the relationship. */
  @Column('text') peer: string;
  @Column('text') orderingKey: string;
  /** What is to be said, frozen when it was enqueued; spelt when it is sent. */
  @Column('jsonb') meaning: object;
  /** A secret that goes with it, sealed; destroyed when the delivery settles. */
  @Column('text', { nullable: true }) sealed: string | null;
  @Column('text') state: DeliveryState;
  @Column('integer', { default: 0 }) attempts: number;
  @Column('timestamptz', { default: () => 'now()' }) dueAt: Date;
  @Column('timestamptz') expiresAt: Date;
  @Column('timestamptz', { nullable: true }) leaseUntil: Date | null;
  /** Rises with every claim: the answer of a node that lost its lease changes nothing. */
  @Column('bigint', { default: 0 }) fence: string;
  /** Why the last attempt did not settle it, or how it was refused. */
  @Column('text', { nullable: true }) reason: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { nullable: true }) settledAt: Date | null;
}
