import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { EventTeller } from '../../notifications/event-teller.js';
import type { Settlement } from '../../outbox/delivery-handler.js';
import { IncomingShares } from './incoming-shares.js';

/**
 * The provider has answered our acceptance: from now on its token works. Or it says that the share was withdrawn, or is
 * not known there any more: then the share ends here too. Runs in the transaction that settles the delivery.
 */
@Injectable()
export class ConfirmAcceptance {
  constructor(
    private readonly shares: IncomingShares,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {}

  async execute(id: string, settlement: Settlement): Promise<void> {
    const share = await this.shares.lock(id);
    if (share.state !== 'accepted') return;
    if (settlement.kind === 'delivered') return this.shares.update(share, { confirmed: true });
    if (settlement.kind !== 'refused') return;
    const reason = settlement.code;
    await this.shares.update(share, { state: 'revoked', reason, protocolsSealed: null, confirmed: false });
    await this.audit.record({ action: 'share.revoked', object: id, peer: share.relationshipId, details: { reason } });
    await this.events.tell({
      type: 'share-withdrawn',
      account: share.recipientAccount,
      share: id,
      name: share.name,
      counterpart: share.owner,
      reason,
    });
  }
}
