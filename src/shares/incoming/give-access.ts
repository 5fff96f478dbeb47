import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { StateConflict } from '../../kernel/federation-error.js';
import type { RevealedProtocol } from '../../ocm/offered-protocol.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import { incomingShare } from '../audit-names.js';
import { NotYetConfirmed, ProviderSuspended } from '../share-errors.js';
import { ShareClock, stateAt } from '../share-state.js';
import { IncomingShares } from './incoming-shares.js';

/** Hands the host the credentials of an accepted share, and records that it did. */
@Injectable()
export class GiveAccess {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly shares: IncomingShares,
    private readonly audit: AuditTrail,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound, StateConflict unless it is accepted, ProviderSuspended, NotYetConfirmed */
  execute(id: string): Promise<RevealedProtocol[]> {
    return this.transactions.run(async () => {
      const share = await this.shares.lock(id);
      const state = stateAt(share, await this.clock.now(share));
      if (state !== 'accepted') throw new StateConflict(`it is ${state}`);
      if (await this.relationships.isSuspended(share.relationshipId)) throw new ProviderSuspended();
      if (!share.confirmed) throw new NotYetConfirmed();
      await this.audit.record({ action: 'share.access-read', object: incomingShare(id), peer: share.relationshipId });
      return this.shares.open(share).map((protocol) => protocol.reveal());
    });
  }
}
