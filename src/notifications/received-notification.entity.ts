import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

/** A notification as a peer sent it, kept for its consistency checks. */
@Entity({ name: 'received_notification', schema: SCHEMA })
export class ReceivedNotificationRow {
  @PrimaryColumn('text') id: string;
  @Column('text') relationshipId: string;
  @Column('text') type: string;
  /** The message as the dialect spells it. */
  @Column('jsonb') content: object;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
}
