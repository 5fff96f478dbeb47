import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../../host/own-cloud.js';
import { NotFound, ValidationFailed } from '../../kernel/federation-error.js';
import type { SealContext } from '../../kernel/secret.js';
import type { NotificationMessage } from '../../ocm/notification.js';
import { type OfferedProtocol, packProtocols, unpackProtocols } from '../../ocm/offered-protocol.js';
import { recipientText } from '../../ocm/recipient.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { decide, INCOMING_LIFE, type IncomingEvent, type IncomingPresent, permitted } from '../share-life.js';
import { isLive, ShareClock, stateAt } from '../share-state.js';
import { IncomingShareRow } from './incoming-share.entity.js';

/** Lock that all hold who decide about one share of one peer. @param name SQL: relationship, a space, the share's name */
export const NAME = (name: string): string => `hashtextextended(${name}, 0)`;

/** Shares that other clouds offered us, found by our id or by theirs. */
@Injectable()
export class IncomingShares {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound */
  async get(id: string): Promise<IncomingShareRow> {
    const row = await this.transactions.repository(IncomingShareRow).findOneBy({ id });
    if (!row) throw new NotFound();
    return row;
  }

  /** @throws NotFound */
  async lock(id: string): Promise<IncomingShareRow> {
    const lock = { mode: 'pessimistic_write' } as const;
    const row = await this.transactions.repository(IncomingShareRow).findOne({ where: { id }, lock });
    if (!row) throw new NotFound();
    return row;
  }

  /**
   * The share of this peer that a message is about; locked. Its shareId says all; the provider's resource id alone may
   * mean several, of which those that still live count first. With the recipient it is the newest of these, one without a
   * shareId first; without the recipient more than one is too many.
   * @throws ValidationFailed `providerId`/`AMBIGUOUS`
   */
  async lockNamed(peer: TrustedPeer, message: NotificationMessage): Promise<IncomingShareRow | undefined> {
    const query = this.transactions
      .repository(IncomingShareRow)
      .createQueryBuilder('share')
      .setLock('pessimistic_write')
      .where('share.relationship_id = :peer', { peer: peer.id });
    const { shareId, providerId, recipient } = message;
    if (shareId !== undefined) query.andWhere('share.share_id = :shareId', { shareId });
    else query.andWhere('share.provider_id = :providerId', { providerId });
    if (shareId === undefined && recipient) query.andWhere('share.share_with = :to', { to: recipientText(recipient) });
    query
      .orderBy(`share.state in ('pending', 'accepted')`, 'DESC')
      .addOrderBy('share.share_id is null', 'DESC')
      .addOrderBy('share.created_at', 'DESC');
    const rows = await query.limit(2).getMany();
    const isTied = rows.length === 2 && rows.every(({ state }) => isLive(state));
    if (isTied && shareId === undefined && !recipient) throw ValidationFailed.of('providerId', 'AMBIGUOUS');
    return rows[0];
  }

  /**
   * What an event makes of a share that the caller holds locked. The time is our database's: the provider's clock decides
   * what has expired, and is not here to be asked.
   * @throws StateConflict, ShareConflict
   */
  async judge(share: IncomingShareRow, event: IncomingEvent): Promise<IncomingPresent | 'stays' | 'nothing'> {
    const stored = share.state === 'expired' ? 'replaced' : share.state;
    const isOver = stateAt(share, await this.clock.now(share)) === 'expired';
    const present = isOver && stored !== 'replaced' ? 'expired' : stored;
    return permitted(decide(INCOMING_LIFE, event, present, stored), present);
  }

  isNamed(peer: TrustedPeer, { shareId, providerId, recipient }: NotificationMessage): Promise<boolean> {
    const whom = recipient ? { shareWith: recipientText(recipient) } : {};
    const name = shareId === undefined ? { providerId, ...whom } : { shareId };
    return this.transactions.repository(IncomingShareRow).existsBy({ relationshipId: peer.id, ...name });
  }

  /** Serialises all that happens to one share of one peer, even before there is a row to lock. */
  async holdName(peer: TrustedPeer, shareId: string): Promise<void> {
    await this.transactions.query(`select pg_advisory_xact_lock(${NAME('$1')})`, [`${peer.id} ${shareId}`]);
  }

  async update(row: IncomingShareRow, values: Partial<IncomingShareRow>): Promise<void> {
    const changed = { changedAt: new Date(), ...values };
    await this.transactions.repository(IncomingShareRow).update({ id: row.id }, changed);
    Object.assign(row, changed);
  }

  seal(id: string, relationshipId: string, protocols: readonly OfferedProtocol[]): string {
    return this.cloud.sealKey.seal(packProtocols(protocols), sealContext(id, relationshipId));
  }

  /** The protocols with their credentials; none once they are destroyed. */
  open(row: IncomingShareRow): OfferedProtocol[] {
    if (row.protocolsSealed === null) return [];
    return unpackProtocols(this.cloud.sealKey.open(row.protocolsSealed, sealContext(row.id, row.relationshipId)));
  }
}

/** The name under which everything about one resource of a peer is serialised, where shares have no ids. */
export function plainName(providerId: string): string {
  return `resource ${providerId}`;
}

function sealContext(id: string, relationshipId: string): SealContext {
  return ['incoming_share', id, relationshipId];
}
