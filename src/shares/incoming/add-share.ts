import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { EventTeller } from '../../notifications/event-teller.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { ForgottenAccounts } from '../forgotten-accounts.js';
import { OwnerDomainMismatch } from '../share-errors.js';
import { AnswerOffer } from './answer-offer.js';
import { AutomaticAcceptance } from './automatic-acceptance.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import { KnownOffers } from './known-offers.js';
import { invitation, offered } from './new-share.js';

/** Adds an offered share, unless this very offer was made before. In the caller's transaction. */
@Injectable()
export class AddShare {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly forgottenAccounts: ForgottenAccounts,
    private readonly knownOffers: KnownOffers,
    private readonly automatic: AutomaticAcceptance,
    private readonly answerOffer: AnswerOffer,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {}

  /**
   * @param peer as judged: it is judged again here, and so is what it offers
   * @returns the share, or the one that was added before
   * @throws CallerNotTrusted, OwnerDomainMismatch, ValidationFailed `shareWith`/`NOT_FOUND`, ShareConflict, ShareWithdrawn
   */
  async execute(peer: TrustedPeer, offer: ShareOffer, share: IncomingShareRow): Promise<IncomingShareRow> {
    const { recipientAccount, offerDigest } = share;
    const present = await this.relationships.holdTrusted(peer, 'sharing');
    if (!present.speaksFor(offer.owner)) throw new OwnerDomainMismatch(share.owner, peer.origin.toString());
    const isKnown = await this.forgottenAccounts.holdKnown(recipientAccount);
    if (!isKnown) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    const known = await this.knownOffers.find(peer, offer, recipientAccount, offerDigest);
    return known ?? (await this.add(share, present));
  }

  private async add(share: IncomingShareRow, peer: TrustedPeer): Promise<IncomingShareRow> {
    await this.transactions.repository(IncomingShareRow).insert(share);
    await this.audit.record(offered(share));
    await this.events.tell(invitation(share));
    if (await this.automatic.appliesTo(share, peer)) await this.answerOffer.accept(share);
    return share;
  }
}
