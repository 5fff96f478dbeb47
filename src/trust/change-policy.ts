import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Transactions } from '../persistence/transactions.js';
import type { PeerPolicy, RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';

/** Members that are left out stay as they are; null returns one to the default. */
export type PolicyChange = { readonly [Member in keyof PeerPolicy]: PeerPolicy[Member] | null };

/** Our operator says what holds for one peer. Every act reads the row: it holds from the next request or attempt on. */
@Injectable()
export class ChangePolicy {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly life: RelationshipLife,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound; StateConflict if the relationship has ended. */
  execute(relationshipId: string, change: PolicyChange): Promise<RelationshipRow> {
    return this.transactions.run(async () => {
      const relationship = await this.relationships.lock(relationshipId);
      follow('changed', relationship.state);
      const before = relationship.policy;
      const policy = changed(before, change);
      if (isDeepStrictEqual(policy, before)) return relationship;
      await this.life.update(relationship, { policy });
      await this.record(relationship, before);
      return relationship;
    });
  }

  private record({ id, policy }: RelationshipRow, before: PeerPolicy): Promise<void> {
    const details = { before: JSON.stringify(before), after: JSON.stringify(policy) };
    return this.audit.record({ action: 'trust.policy-changed', object: `service:${id}`, peer: id, details });
  }
}

function changed(policy: PeerPolicy, change: PolicyChange): PeerPolicy {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const members = Object.entries({ ...policy, ...Object.fromEntries(given) });
  return Object.fromEntries(members.filter(([, value]) => value !== null));
}
