import { Injectable } from '@nestjs/common';
import { NotFound, ValidationFailed } from '../../kernel/federation-error.js';
import type { NotificationMessage } from '../../ocm/notification.js';
import { recipientText } from '../../ocm/recipient.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { decide, OUTGOING_LIFE, type OutgoingEvent, type OutgoingPresent, permitted } from '../share-life.js';
import { isOpen, ShareClock, stateAt } from '../share-state.js';
import { OutgoingShareRow } from './outgoing-share.entity.js';

const NEVER_EXPIRED = new Date(0);

/** Shares that accounts of ours offer to other clouds. */
@Injectable()
export class OutgoingShares {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound */
  async get(id: string): Promise<OutgoingShareRow> {
    const row = await this.find(id);
    if (!row) throw new NotFound();
    return row;
  }

  find(id: string): Promise<OutgoingShareRow | null> {
    return this.transactions.repository(OutgoingShareRow).findOneBy({ id });
  }

  /** @throws NotFound */
  async lock(id: string): Promise<OutgoingShareRow> {
    const lock = { mode: 'pessimistic_write' } as const;
    const row = await this.transactions.repository(OutgoingShareRow).findOne({ where: { id }, lock });
    if (!row) throw new NotFound();
    return row;
  }

  /**
   * The share with this peer that a message is about; locked. Its shareId says all; the resource alone may mean several,
   * of which those that something may still become of count first.
   * @throws ValidationFailed `providerId`/`AMBIGUOUS`
   */
  async lockNamed(peer: TrustedPeer, message: NotificationMessage): Promise<OutgoingShareRow | undefined> {
    const rows = await this.named(peer, message).setLock('pessimistic_write').limit(2).getMany();
    const open = rows.filter((row) => isOpen(row.state));
    if (message.shareId === undefined && open.length > 1) throw ValidationFailed.of('providerId', 'AMBIGUOUS');
    return open[0] ?? rows[0];
  }

  isNamed(peer: TrustedPeer, message: NotificationMessage): Promise<boolean> {
    return this.named(peer, message).getExists();
  }

  /**
   * What an event makes of a share that the caller holds locked. Our database's clock alone decides whether it has expired.
   * @throws StateConflict, ShareWithdrawn
   */
  async judge(share: OutgoingShareRow, event: OutgoingEvent): Promise<OutgoingPresent | 'stays' | 'nothing'> {
    const present = presentState(share, await this.clock.now(share));
    return permitted(decide(OUTGOING_LIFE, event, present, presentState(share, NEVER_EXPIRED)), present);
  }

  async update(row: OutgoingShareRow, values: Partial<OutgoingShareRow>): Promise<void> {
    const changed = { changedAt: new Date(), ...values };
    await this.transactions.repository(OutgoingShareRow).update({ id: row.id }, changed);
    Object.assign(row, changed);
  }

  private named(peer: TrustedPeer, { shareId, providerId, recipient }: NotificationMessage) {
    const query = this.transactions
      .repository(OutgoingShareRow)
      .createQueryBuilder('share')
      .where('share.relationship_id = :peer', { peer: peer.id })
      .orderBy(`share.state in ('pending-delivery', 'pending', 'accepted', 'failed')`, 'DESC')
      .addOrderBy('share.created_at', 'DESC');
    if (shareId !== undefined) return query.andWhere('share.share_id = :shareId', { shareId });
    query.andWhere('share.resource_id = :providerId', { providerId });
    return recipient ? query.andWhere('share.share_with = :to', { to: recipientText(recipient) }) : query;
  }
}

function presentState(share: OutgoingShareRow, now: Date): OutgoingPresent {
  const state = stateAt(share, now);
  return state === 'failed' && share.resentAs !== null ? 'resent' : state;
}
