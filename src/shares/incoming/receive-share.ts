import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { type Account, AccountDirectory } from '../../host/account-directory.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { randomId } from '../../kernel/ids.js';
import { EventTeller } from '../../notifications/event-teller.js';
import type { Recipient } from '../../ocm/recipient.js';
import { recipientText } from '../../ocm/recipient.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Inbox } from '../../outbox/inbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { OwnerDomainMismatch, ShareConflict, ShareWithdrawn } from '../share-errors.js';
import { AnswerOffer } from './answer-offer.js';
import { IncomingShareRow, ShareTombstoneRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';

/** What a repeat of the same call is answered with, word for word. */
export interface ReceivedShare {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly state: string;
}

/**
 * Records an offered share for an account here. Offering the same share twice changes nothing: peers retry.
 * @throws OwnerDomainMismatch, ValidationFailed `shareWith`/`NOT_FOUND`, ShareConflict, ShareWithdrawn
 */
@Injectable()
export class ReceiveShare {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly shares: IncomingShares,
    private readonly answerOffer: AnswerOffer,
    private readonly inbox: Inbox,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(peer: TrustedPeer, offer: ShareOffer, key: string | undefined): Promise<ReceivedShare> {
    if (!peer.speaksFor(offer.owner)) throw await this.refuseOwner(peer, offer);
    const recipient = await this.findRecipient(offer.recipient);
    if (!recipient) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    const meaning = offer.meaning();
    return this.inbox.once({ peer: peer.id, key, meaning }, async () => {
      await this.relationships.holdTrusted(peer);
      const digest = this.cloud.sealKey.digest(meaning);
      const share =
        (await this.known(peer, offer, recipient, digest)) ?? (await this.add(peer, offer, recipient, digest));
      return { id: share.id, createdAt: share.createdAt.toISOString(), state: share.state };
    });
  }

  /** The share, if this very offer was made before. It is compared with the offer, not with what became of it. */
  private async known(peer: TrustedPeer, offer: ShareOffer, recipient: Account, digest: string) {
    const { shareId, providerId } = offer;
    await this.shares.holdName(peer, shareId ?? `${providerId} ${recipient.id}`);
    const rows = this.transactions.repository(IncomingShareRow).createQueryBuilder('share');
    rows.where('share.relationship_id = :peer', { peer: peer.id });
    if (shareId !== undefined) rows.andWhere('share.share_id = :shareId', { shareId });
    else {
      rows
        .andWhere(`share.share_id is null and share.provider_id = :providerId and share.recipient_account = :to`)
        .andWhere(`share.state in ('pending', 'accepted')`)
        .setParameters({ providerId, to: recipient.id });
    }
    const known = await rows.getOne();
    if (known && known.offerDigest !== digest) throw new ShareConflict();
    if (!known && shareId !== undefined && (await this.isWithdrawn(peer, shareId))) throw new ShareWithdrawn();
    return known;
  }

  private async add(
    peer: TrustedPeer,
    offer: ShareOffer,
    recipient: Account,
    digest: string,
  ): Promise<IncomingShareRow> {
    const id = randomId();
    const repository = this.transactions.repository(IncomingShareRow);
    const share = repository.create({
      id,
      relationshipId: peer.id,
      shareId: offer.shareId ?? null,
      providerId: offer.providerId,
      owner: offer.owner.toString(),
      shareWith: recipientText(offer.recipient),
      recipientAccount: recipient.id,
      name: offer.name,
      description: offer.description ?? null,
      permission: offer.permission,
      expiresAt: offer.expiresAt ?? null,
      state: 'pending',
      reason: null,
      protocolNames: offer.protocols.map(({ name }) => name),
      protocolsSealed: this.shares.seal(id, peer.id, offer.protocols),
      offerDigest: digest,
      createdAt: new Date(),
    });
    await repository.insert(share);
    await this.audit.record({ action: 'share.offered', object: id, peer: peer.id, details: { owner: share.owner } });
    await this.events.tell({
      type: 'share-invited',
      account: recipient.id,
      share: id,
      name: share.name,
      counterpart: share.owner,
    });
    if (this.acceptsAtOnce(peer)) await this.answerOffer.accept(share);
    return share;
  }

  private acceptsAtOnce(peer: TrustedPeer): boolean {
    const { acceptInvitations } = peer.policy;
    return acceptInvitations === undefined ? this.cloud.acceptAtOnce : acceptInvitations === 'auto';
  }

  private isWithdrawn(peer: TrustedPeer, shareId: string): Promise<boolean> {
    return this.transactions.repository(ShareTombstoneRow).existsBy({ relationshipId: peer.id, shareId });
  }

  /** A name without a domain is an account id, or a username at any of our domains. */
  private async findRecipient(recipient: Recipient): Promise<Account | undefined> {
    if (recipient.kind === 'address') return this.accounts.find(recipient.address.toString());
    for (const name of [recipient.name, ...this.cloud.domains.map((domain) => `${recipient.name}@${domain}`)]) {
      const account = await this.accounts.find(name);
      if (account) return account;
    }
    return undefined;
  }

  private async refuseOwner(peer: TrustedPeer, offer: ShareOffer): Promise<OwnerDomainMismatch> {
    const owner = offer.owner.toString();
    await this.transactions.run(() =>
      this.audit.record({ action: 'share.offered', object: '', peer: peer.id, outcome: 'refused', details: { owner } }),
    );
    return new OwnerDomainMismatch(owner, peer.origin.toString());
  }
}
