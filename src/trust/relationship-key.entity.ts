import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

/** `announced`: told to us under the current key, and not seen yet. `retiring`: the current one before this. */
export type KeyRole = 'current' | 'announced' | 'retiring';

/**
 * A key that a relationship which has not ended may be known by: at most one in each role. The database keeps the current
 * one in step with `relationship.pin`.
 */
@Entity({ name: 'relationship_key', schema: SCHEMA })
export class RelationshipKeyRow {
  @PrimaryColumn('text') pin: string;
  @Column('text') relationshipId: string;
  @Column('text') role: KeyRole;
  /** PEM, of an announced key. */
  @Column('text', { nullable: true }) certificate: string | null;
  /** When the peer means to have switched to it, or away from it. */
  @Column('timestamptz', { nullable: true }) switchBy: Date | null;
  /** Worth nothing from then on; null: no end is foreseen. */
  @Column('timestamptz', { nullable: true }) validUntil: Date | null;
}

/** What somebody last showed who names the peer's host and holds a key that we do not know. Proves nothing. */
@Entity({ name: 'presented_key', schema: SCHEMA })
export class PresentedKeyRow {
  @PrimaryColumn('text') relationshipId: string;
  @Column('text') pin: string;
  @Column('text') certificate: string;
  /** Where it came from: an IPv4 address or an IPv6 /64. */
  @Column('text') network: string;
  @Column('timestamptz', { default: () => 'now()' }) at: Date;
}
