import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { StateConflict } from '../../kernel/federation-error.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { outgoingShare } from '../audit-names.js';
import { ShareMessages, shareOrder } from '../share-messages.js';
import { isOpen } from '../share-state.js';
import { OutgoingShares } from './outgoing-shares.js';

/**
 * The owner withdraws a share: the token is dead at commit, the other cloud is told as long as it takes. What still waits
 * to be told about the share is taken back. Withdrawing twice changes nothing. One that failed to be delivered can be
 * withdrawn too: it may have arrived after all, and an acceptance would bring it to life.
 */
@Injectable()
export class WithdrawShare {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: OutgoingShares,
    private readonly messages: ShareMessages,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound, StateConflict if it has ended otherwise */
  execute(id: string): Promise<void> {
    return this.transactions.run(async () => {
      const share = await this.shares.lock(id);
      if (share.state === 'withdrawn') return;
      if (!isOpen(share.state)) throw new StateConflict(`it is ${share.state}`);
      const sequence = Number(share.sequence) + 1;
      await this.shares.update(share, { state: 'withdrawn', tokenHash: null, sequence: String(sequence) });
      await this.outbox.cancel({ peer: share.relationshipId, orderingKey: shareOrder(id) });
      // Told even if the offer may never have arrived: whether it did is not known here.
      await this.messages.send({
        share: id,
        peer: share.relationshipId,
        message: { type: 'SHARE_UNSHARED', shareId: share.shareId, providerId: share.resourceId, sequence },
        isEnding: true,
      });
      await this.audit.record({ action: 'share.withdrawn', object: outgoingShare(id), peer: share.relationshipId });
    });
  }
}
