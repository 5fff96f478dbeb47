import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../../host/own-cloud.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Inbox } from '../../outbox/inbox.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { AddShare } from './add-share.js';
import { AutomaticAcceptance } from './automatic-acceptance.js';
import { CheckOwner } from './check-owner.js';
import { FindRecipient } from './find-recipient.js';
import type { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';
import { newShare } from './new-share.js';
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
    private readonly checkOwner: CheckOwner,
    private readonly findRecipient: FindRecipient,
    private readonly shares: IncomingShares,
    private readonly automatic: AutomaticAcceptance,
    private readonly writeOffer: WriteOffer,
    private readonly addShare: AddShare,
    private readonly inbox: Inbox,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(peer: TrustedPeer, offer: ShareOffer, key: string | undefined): Promise<ReceivedShare> {
    await this.checkOwner.execute(peer, offer);
    const recipient = await this.findRecipient.execute(offer.recipient);
    const meaning = offer.meaning();
    const digest = this.cloud.sealKey.digest(meaning);
    const share = newShare({ peer: peer.id, offer, recipient, digest }, this.shares);
    const answer = receiptOf(share);
    const isUsual = !(await this.automatic.appliesTo(share, peer));
    if (isUsual && (await this.writeOffer.execute(peer, share, key, answer))) return answer;
    return this.inbox.once({ peer: peer.id, key, meaning }, async () =>
      receiptOf(await this.addShare.execute(peer, offer, share)),
    );
  }
}

function receiptOf({ id, createdAt, state }: IncomingShareRow): ReceivedShare {
  return { id, createdAt: createdAt.toISOString(), state };
}
