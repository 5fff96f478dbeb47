import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Holds } from '../outbox/holds.js';
import { Transactions } from '../persistence/transactions.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';
import { TrustRequests } from './trust-requests.js';

/** Our operator trusts a suspended peer again: everything is as it was, and what waited for it goes at once. */
@Injectable()
export class ResumeService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly holds: Holds,
    private readonly audit: AuditTrail,
  ) {}

  /** Resuming twice changes nothing. @throws NotFound, StateConflict unless there is trust */
  execute(id: string): Promise<void> {
    return this.transactions.run(async () => {
      if (await this.requests.isWaiting(id)) follow('resumed', 'INVITED');
      const relationship = await this.relationships.lock(id);
      if (follow('resumed', relationship.state) === 'nothing') return;
      await this.life.update(relationship, { state: 'TRUSTED', reason: null, since: new Date() });
      await this.holds.release(id);
      await this.audit.record({ action: 'trust.resumed', object: `service:${id}`, peer: id });
    });
  }
}
