import { Injectable } from '@nestjs/common';
import { EventTeller } from '../../notifications/event-teller.js';
import type { Settlement } from '../../outbox/delivery-handler.js';
import { isLive } from '../share-state.js';
import { OutgoingShares } from './outgoing-shares.js';

/**
 * A change that the other cloud has refused, or was not told in all its time: true here, and not there. Its owner hears of
 * it, unless the share has ended meanwhile. Runs in the transaction that settles the delivery.
 */
@Injectable()
export class UnheardChange {
  constructor(
    private readonly shares: OutgoingShares,
    private readonly events: EventTeller,
  ) {}

  async execute(id: string, settlement: Settlement): Promise<void> {
    if (settlement.kind !== 'refused' && settlement.kind !== 'expired') return;
    const { state, ownerAccount: account, name, shareWith: counterpart } = await this.shares.get(id);
    if (!isLive(state)) return;
    const reason = settlement.kind === 'refused' ? settlement.code : settlement.reason;
    await this.events.tell({ type: 'share-undeliverable', account, share: id, name, counterpart, reason });
  }
}
