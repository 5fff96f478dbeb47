import { Injectable } from '@nestjs/common';
import { NotFound, ValidationFailed } from '../../kernel/federation-error.js';
import type { NotificationMessage } from '../../ocm/notification.js';
import { recipientText } from '../../ocm/recipient.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { decide, OUTGOING_LIFE, type OutgoingEvent, type OutgoingPresent, permitted } from '../share-life.js';
import { ShareClock, stateAt } from '../share-state.js';
import { OutgoingShareRow } from './outgoing-share.entity.js';

const NEVER_EXPIRED = new Date(0);

const ENDED = 3;
/**
 * How likely a message is about a share, the likeliest first: what lives, what lives again if it gets a later end, what
 * failed but may have arrived, what has ended.
 */
const RANK = `case when share.state in ('pending-delivery', 'pending', 'accepted')
    then case when share.expires_at <= now() then 1 else 0 end
  when share.state = 'failed' and share.token_hash is not null and share.resent_as is null then 2 else ${ENDED} end`;

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
   * The share with this peer that a message is about; locked. Its shareId says all; the resource alone may mean several, of
   * which it is about the likeliest. With the recipient it is the newest of these, a plain one first: others have a name of
   * their own. Without the recipient more than one is too many.
   * @throws ValidationFailed `providerId`/`AMBIGUOUS`
   */
  async lockNamed(peer: TrustedPeer, message: NotificationMessage): Promise<OutgoingShareRow | undefined> {
    const { entities, raw } = await this.named(peer, message)
      .setLock('pessimistic_write')
      .addSelect(RANK, 'rank')
      .orderBy('rank')
      .addOrderBy(`share.flavour = 'plain'`, 'DESC')
      .addOrderBy('share.created_at', 'DESC')
      .limit(2)
      .getRawAndEntities<{ rank: number }>();
    const [first, second] = raw.map(({ rank }) => rank);
    const isTied = first === second && first !== ENDED;
    if (isTied && message.shareId === undefined && !message.recipient)
      throw ValidationFailed.of('providerId', 'AMBIGUOUS');
    return entities[0];
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

  /** By our database's clock. */
  async isExpired(share: OutgoingShareRow): Promise<boolean> {
    return stateAt(share, await this.clock.now(share)) === 'expired';
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
      .where('share.relationship_id = :peer', { peer: peer.id });
    if (shareId !== undefined) return query.andWhere('share.share_id = :shareId', { shareId });
    query.andWhere('share.resource_id = :providerId', { providerId });
    return recipient ? query.andWhere('share.share_with = :to', { to: recipientText(recipient) }) : query;
  }
}

function presentState(share: OutgoingShareRow, now: Date): OutgoingPresent {
  const state = stateAt(share, now);
  return state === 'failed' && share.resentAs !== null ? 'resent' : state;
}
