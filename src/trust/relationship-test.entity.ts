import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

/** What the last test of a relationship came to. */
@Entity({ name: 'relationship_test', schema: SCHEMA })
export class RelationshipTestRow {
  @PrimaryColumn('text') relationshipId: string;
  @Column('timestamptz') at: Date;
  @Column('boolean') ok: boolean;
  /** The first step that failed, and why. */
  @Column('text', { nullable: true }) step: string | null;
  @Column('text', { nullable: true }) reason: string | null;
}
