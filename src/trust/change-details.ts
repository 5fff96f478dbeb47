import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Transactions } from '../persistence/transactions.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';

/** Members that are left out stay as they are; null takes one away. */
export interface DetailsChange {
  readonly displayName?: string;
  readonly securityContact?: string | null;
  /** ISO 8601. */
  readonly reviewAt?: string | null;
}

/**
 * Our operator says what a peer is called here, whom to tell of an incident, and when to look at it again. Whatever is said
 * answers the peer's proposal of it, either way.
 */
@Injectable()
export class ChangeDetails {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly life: RelationshipLife,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound, StateConflict */
  execute(relationshipId: string, change: DetailsChange): Promise<void> {
    return this.transactions.run(async () => {
      const relationship = await this.relationships.lock(relationshipId);
      follow('changed', relationship.state);
      const before = spelled(relationship);
      const { displayName, securityContact, reviewAt } = change;
      await this.life.update(relationship, {
        ...(displayName === undefined ? {} : { displayName, proposedDisplayName: null }),
        ...(securityContact === undefined ? {} : { securityContact, proposedSecurityContact: null }),
        ...(reviewAt === undefined ? {} : { reviewAt: reviewAt === null ? null : new Date(reviewAt) }),
      });
      await this.record(relationship, before);
    });
  }

  private async record(relationship: RelationshipRow, before: string): Promise<void> {
    const after = spelled(relationship);
    if (after === before) return;
    const { id } = relationship;
    const details = { before, after };
    await this.audit.record({ action: 'trust.details-changed', object: `service:${id}`, peer: id, details });
  }
}

function spelled({ displayName, securityContact, reviewAt }: RelationshipRow): string {
  return JSON.stringify({ displayName, securityContact, reviewAt });
}
