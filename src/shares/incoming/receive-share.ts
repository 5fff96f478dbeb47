import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { RefusalCounter } from '../../audit/refusal-counter.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { EventTeller } from '../../notifications/event-teller.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Inbox } from '../../outbox/inbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { ForgottenAccounts } from '../forgotten-accounts.js';
import { OwnerDomainMismatch } from '../share-errors.js';
import { ShareClock, stateAt } from '../share-state.js';
import { AnswerOffer } from './answer-offer.js';
import { FindRecipient } from './find-recipient.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';
import { KnownOffers } from './known-offers.js';
import { invitation, newShare, offered } from './new-share.js';
import { WriteOffer } from './write-offer.js';

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
    private readonly findRecipient: FindRecipient,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly forgottenAccounts: ForgottenAccounts,
    private readonly shares: IncomingShares,
    private readonly writeOffer: WriteOffer,
    private readonly knownOffers: KnownOffers,
    private readonly answerOffer: AnswerOffer,
    private readonly inbox: Inbox,
    private readonly audit: AuditTrail,
    private readonly refusals: RefusalCounter,
    private readonly events: EventTeller,
    private readonly cloud: OwnCloud,
    private readonly clock: ShareClock,
  ) {}

  async execute(peer: TrustedPeer, offer: ShareOffer, key: string | undefined): Promise<ReceivedShare> {
    if (!peer.speaksFor(offer.owner)) throw await this.refuseOwner(peer, offer);
    const recipient = await this.findRecipient.execute(offer.recipient);
    const meaning = offer.meaning();
    const digest = this.cloud.sealKey.digest(meaning);
    const share = newShare({ peer: peer.id, offer, recipient, digest }, this.shares);
    const answer = receiptOf(share);
    const isUsual = !(await this.acceptsAtOnce(peer, share));
    if (isUsual && (await this.writeOffer.execute(peer, share, key, answer))) return answer;
    return this.inbox.once({ peer: peer.id, key, meaning }, async () => {
      const present = await this.relationships.holdTrusted(peer, 'sharing');
      if (!present.speaksFor(offer.owner)) throw mismatch(peer, offer);
      if (!(await this.forgottenAccounts.holdKnown(recipient.id))) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
      const known = await this.knownOffers.find(peer, offer, recipient.id, digest);
      return receiptOf(known ?? (await this.add(present, share)));
    });
  }

  private async add(peer: TrustedPeer, share: IncomingShareRow): Promise<IncomingShareRow> {
    await this.transactions.repository(IncomingShareRow).insert(share);
    await this.audit.record(offered(share));
    await this.events.tell(invitation(share));
    if (await this.acceptsAtOnce(peer, share)) await this.answerOffer.accept(share);
    return share;
  }

  /** What has expired on arrival waits, whatever the setting: its owner may still prolong it. */
  private async acceptsAtOnce({ policy }: TrustedPeer, share: IncomingShareRow): Promise<boolean> {
    const isAutomatic = policy.acceptInvitations ? policy.acceptInvitations === 'auto' : this.cloud.acceptAtOnce;
    return isAutomatic && stateAt(share, await this.clock.now(share)) !== 'expired';
  }

  /** For the auditor once an hour, beside the count. */
  private async refuseOwner(peer: TrustedPeer, offer: ShareOffer): Promise<OwnerDomainMismatch> {
    if (this.refusals.isNews('owner-domain-mismatch', peer.id)) {
      const details = { owner: offer.owner.toString() };
      const event = { action: 'share.offered', object: `service:${peer.id}`, peer: peer.id, details } as const;
      await this.transactions.run(() => this.audit.record({ ...event, outcome: 'refused' }));
    }
    return mismatch(peer, offer);
  }
}

function receiptOf({ id, createdAt, state }: IncomingShareRow): ReceivedShare {
  return { id, createdAt: createdAt.toISOString(), state };
}

function mismatch(peer: TrustedPeer, { owner }: ShareOffer): OwnerDomainMismatch {
  return new OwnerDomainMismatch(owner.toString(), peer.origin.toString());
}
