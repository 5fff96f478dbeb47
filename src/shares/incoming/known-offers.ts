import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { incomingShare } from '../audit-names.js';
import { ShareConflict, ShareWithdrawn } from '../share-errors.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares, plainName } from './incoming-shares.js';
import { PlainTombstones } from './plain-tombstones.js';
import { Tombstones } from './tombstones.js';

/** Tells a repeated offer from a new one. */
@Injectable()
export class KnownOffers {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: IncomingShares,
    private readonly tombstones: Tombstones,
    private readonly plainTombstones: PlainTombstones,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * The share, if this very offer was made before: compared with the offer as first received, not with what became of it.
   * Until the transaction ends nobody else decides about the same offer.
   * @param account id of the recipient
   * @throws ShareConflict, ShareWithdrawn
   */
  async find(peer: TrustedPeer, offer: ShareOffer, account: string, digest: string) {
    const { shareId, providerId } = offer;
    await this.shares.holdName(peer, shareId ?? plainName(providerId));
    const known = shareId === undefined ? await this.plain(peer, offer, account) : await this.named(peer, shareId);
    if (known?.offerDigest === digest) return known;
    if (known) await this.replace(known);
    const isWithdrawn =
      shareId === undefined ? this.plainTombstones.has(peer, offer) : this.tombstones.has(peer.id, shareId);
    if (await isWithdrawn) throw new ShareWithdrawn();
    return undefined;
  }

  private named({ id }: TrustedPeer, shareId: string): Promise<IncomingShareRow | null> {
    return this.transactions.repository(IncomingShareRow).findOneBy({ relationshipId: id, shareId });
  }

  /** Plain OCM 0.0.3 names no share: one that has not ended stands for its resource and recipient. */
  private plain({ id }: TrustedPeer, { providerId }: ShareOffer, account: string): Promise<IncomingShareRow | null> {
    return this.transactions
      .repository(IncomingShareRow)
      .createQueryBuilder('share')
      .setLock('pessimistic_write')
      .where('share.relationship_id = :id and share.share_id is null', { id })
      .andWhere('share.provider_id = :providerId and share.recipient_account = :account', { providerId, account })
      .andWhere(`share.state in ('pending', 'accepted')`)
      .getOne();
  }

  /** A plain share that has expired gives its place to a new one, for good. A share with an id of its own never does. */
  private async replace(share: IncomingShareRow): Promise<void> {
    if (share.shareId !== null) throw new ShareConflict();
    if ((await this.shares.judge(share, 'offered-anew')) !== 'replaced') return;
    await this.shares.update(share, { state: 'expired', protocolsSealed: null, confirmed: false });
    await this.audit.record({ action: 'share.replaced', object: incomingShare(share.id), peer: share.relationshipId });
  }
}
