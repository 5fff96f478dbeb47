import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import { outgoingShare } from '../audit-names.js';
import { ShareMessages, shareOrder } from '../share-messages.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';
import { PlainNames } from './plain-names.js';

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
    private readonly plainNames: PlainNames,
    private readonly relationships: Relationships,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound, StateConflict if it has ended otherwise */
  execute(id: string): Promise<void> {
    return this.transactions.run(async () => {
      const share = await this.shares.lock(id);
      if ((await this.shares.judge(share, 'withdrawn')) !== 'withdrawn') return;
      await this.takeBack(share, 'withdrawn');
      await this.audit.record({ action: 'share.withdrawn', object: outgoingShare(id), peer: share.relationshipId });
    });
  }

  /**
   * Of a share that the caller holds locked: its token dies, what still waits to be told of it is replaced by the news that
   * it is no more. Told even if the offer may never have arrived: whether it did is not known here. Where trust has ended
   * there is nobody to tell.
   * @param end `replaced`: another share is about to take its place
   */
  async takeBack(share: OutgoingShareRow, end: 'withdrawn' | 'replaced'): Promise<void> {
    const { id, relationshipId: peer, shareId, resourceId: providerId, shareWith } = share;
    const sequence = Number(share.sequence) + 1;
    const state = end === 'withdrawn' ? { state: end } : {};
    await this.shares.update(share, { ...state, tokenHash: null, sequence: String(sequence) });
    await this.outbox.cancel({ peer, orderingKey: shareOrder(share), meaning: { share: id } });
    if (!(await this.isToBeTold(share, end))) return;
    const message = { type: 'SHARE_UNSHARED', shareId, providerId, shareWith, sequence } as const;
    await this.messages.send({ share, message, isEnding: true });
  }

  /** To a plain peer the news would be about whatever bears the name when it comes. */
  private async isToBeTold(share: OutgoingShareRow, end: 'withdrawn' | 'replaced'): Promise<boolean> {
    if (!(await this.relationships.isLive(share.relationshipId))) return false;
    return share.flavour !== 'plain' || (end === 'withdrawn' && (await this.plainNames.mean(share)));
  }
}
