import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { EventTeller } from '../../notifications/event-teller.js';
import type { Settlement } from '../../outbox/delivery-handler.js';
import { incomingShare } from '../audit-names.js';
import type { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';

/**
 * What a provider says of a share that lives no more there. Any other refusal is about the moment, not about the share: one
 * whose time is over by the provider's clock is a conflict of state, and its owner may prolong it.
 */
const ENDED = new Set(['SHARE_WITHDRAWN', 'RESOURCE_NOT_FOUND', 'HTTP_404', 'HTTP_410']);

/**
 * The provider has answered our acceptance: from now on its token works. Or it says that the share was withdrawn, or is
 * not known there any more: then the share ends here too. Where it never heard of the acceptance, or too late, the share
 * waits for its recipient again, as it does there. Runs in the transaction that settles the delivery.
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
    switch (settlement.kind) {
      case 'delivered':
        return this.confirm(share);
      case 'expired':
        return this.waitAgain(share, settlement.reason);
      case 'refused':
        return ENDED.has(settlement.code) ? this.end(share, settlement.code) : this.waitAgain(share, settlement.code);
      case 'pointless':
        return;
    }
  }

  private async end(share: IncomingShareRow, reason: string): Promise<void> {
    if ((await this.shares.judge(share, 'denied')) !== 'revoked') return;
    const { id } = share;
    await this.shares.update(share, { state: 'revoked', reason, protocolsSealed: null, confirmed: false });
    await this.audit.record({
      action: 'share.revoked',
      object: incomingShare(id),
      peer: share.relationshipId,
      details: { reason },
    });
    await this.tell(share, 'share-withdrawn', reason);
  }

  private async confirm(share: IncomingShareRow): Promise<void> {
    if ((await this.shares.judge(share, 'confirmed')) !== 'stays') return;
    await this.shares.update(share, { confirmed: true });
    await this.audit.record({ action: 'share.confirmed', object: incomingShare(share.id), peer: share.relationshipId });
  }

  private async waitAgain(share: IncomingShareRow, reason: string): Promise<void> {
    if ((await this.shares.judge(share, 'unheard')) !== 'pending') return;
    const { id, relationshipId: peer } = share;
    const object = incomingShare(id);
    await this.shares.update(share, { state: 'pending', reason, confirmed: false });
    await this.audit.record({ action: 'share.acceptance-undone', object, peer, details: { reason } });
    await this.tell(share, 'share-changed', reason);
  }

  /** The recipient has said yes, and hears that it came to nothing. */
  private tell(share: IncomingShareRow, type: 'share-withdrawn' | 'share-changed', reason: string): Promise<void> {
    const { recipientAccount: account, id, name, owner: counterpart } = share;
    return this.events.tell({ type, account, share: id, name, counterpart, reason });
  }
}
