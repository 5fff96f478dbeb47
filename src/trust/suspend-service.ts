import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Holds } from '../outbox/holds.js';
import { Transactions } from '../persistence/transactions.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';
import { TrustRequests } from './trust-requests.js';

/**
 * Our operator suspends a peer: from the next request on it may leave and do nothing else, tokens we gave it are worth
 * nothing, and what we have to tell it waits. Nothing ends by it. Suspending twice changes nothing, the reason neither.
 */
@Injectable()
export class SuspendService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly holds: Holds,
    private readonly audit: AuditTrail,
  ) {}

  /** @param reason for our operators alone @throws NotFound, StateConflict unless there is trust */
  execute(id: string, reason = 'SUSPENDED_BY_US'): Promise<void> {
    return this.transactions.run(async () => {
      if (await this.requests.isWaiting(id)) follow('suspended', 'INVITED');
      const relationship = await this.relationships.lock(id);
      if (follow('suspended', relationship.state) === 'nothing') return;
      await this.life.update(relationship, { state: 'SUSPENDED', reason, since: new Date() });
      await this.holds.hold(id);
      await this.audit.record({ action: 'trust.suspended', object: `service:${id}`, peer: id, details: { reason } });
    });
  }
}
