import { Injectable } from '@nestjs/common';
import { NotFound } from '../kernel/federation-error.js';
import { PAGE_SIZE } from '../ocm/page.js';
import { Transactions } from '../persistence/transactions.js';
import type { TrustedPeer } from '../trust/trusted-peer.js';
import { ReceivedNotificationRow } from './received-notification.entity.js';

/** What a peer told us, for that peer to compare with its own view. Never another peer's. */
@Injectable()
export class ReadNotifications {
  constructor(private readonly transactions: Transactions) {}

  /** @throws NotFound, whether it does not exist or is not the peer's. */
  async one(peer: TrustedPeer, id: string): Promise<ReceivedNotificationRow> {
    const where = { id, relationshipId: peer.id };
    const row = await this.transactions.repository(ReceivedNotificationRow).findOneBy(where);
    if (!row) throw new NotFound();
    return row;
  }

  /** A page in the order of creation, and how many there are in all. Pages count from 1. */
  page(peer: TrustedPeer, page: number): Promise<[ReceivedNotificationRow[], number]> {
    return this.transactions.repository(ReceivedNotificationRow).findAndCount({
      where: { relationshipId: peer.id },
      order: { createdAt: 'ASC', id: 'ASC' },
      skip: (page - 1) * PAGE_SIZE,
      take: PAGE_SIZE,
    });
  }
}
