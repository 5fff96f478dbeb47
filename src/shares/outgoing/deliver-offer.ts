import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { FederatedAddress } from '../../kernel/federated-address.js';
import type { Secret } from '../../kernel/secret.js';
import { EventTeller } from '../../notifications/event-teller.js';
import { dialectOfFlavour } from '../../ocm/dialects.js';
import { OfferedProtocol } from '../../ocm/offered-protocol.js';
import { readReceipt, type ShareReceipt } from '../../ocm/receipt.js';
import { type Flavour, ShareOffer } from '../../ocm/share-offer.js';
import {
  type Attempt,
  Delivers,
  type Delivery,
  DeliveryHandler,
  type Settlement,
} from '../../outbox/delivery-handler.js';
import { attemptCall } from '../../outbox/judge-answer.js';
import { PeerClient } from '../../transport/peer-client.js';
import { PeerEndpoints } from '../../trust/peer-endpoints.js';
import { Relationships } from '../../trust/relationships.js';
import { outgoingShare } from '../audit-names.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';
import type { OfferMeaning } from './record-offer.js';

/** Offers a share to the recipient's cloud, and records what that cloud said. A late answer never moves a state back. */
@Injectable()
@Delivers('share-offer')
export class DeliverOffer extends DeliveryHandler<OfferMeaning> {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
    private readonly relationships: Relationships,
    private readonly shares: OutgoingShares,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {
    super();
  }

  override async attempt({ id, peer, meaning, secret }: Delivery<OfferMeaning>): Promise<Attempt> {
    const endpoint = await this.endpoints.ofTrusted(peer);
    // The end of trust takes deliveries back itself: what is left waits for a peer that is only suspended.
    if (!endpoint) return { kind: 'retry', reason: 'not-trusted' };
    const { flavour } = await this.shares.get(meaning.share);
    if (!secret) throw new TypeError('an offer without its token');
    return attemptCall(this.client, endpoint, {
      method: 'POST',
      path: '/shares',
      headers: { 'idempotency-key': id },
      body: dialectOfFlavour(flavour).encodeShare(offerOf(meaning, secret, flavour)),
    });
  }

  override async settled({ meaning }: Delivery<OfferMeaning>, settlement: Settlement): Promise<void> {
    const share = await this.shares.lock(meaning.share);
    switch (settlement.kind) {
      case 'delivered':
        return this.deliver(share, readReceipt(settlement.answer?.body));
      case 'refused':
        return this.fail(share, 'refused', settlement.code);
      case 'expired':
        return this.fail(share, 'timed-out', settlement.reason);
      case 'pointless':
        return;
    }
  }

  private async deliver(share: OutgoingShareRow, { id, state }: ShareReceipt): Promise<void> {
    const isAccepted = state === 'accepted' || (state === undefined && (await this.acceptsImplicitly(share)));
    const becomes = await this.shares.judge(share, isAccepted ? 'delivered-accepted' : 'delivered');
    if (share.remoteId === null && id !== undefined) await this.shares.update(share, { remoteId: id });
    if (becomes !== 'pending' && becomes !== 'accepted') return;
    await this.shares.update(share, { state: becomes });
    const object = outgoingShare(share.id);
    const peer = share.relationshipId;
    await this.audit.record({ action: becomes === 'accepted' ? 'share.accepted' : 'share.delivered', object, peer });
    if (becomes === 'accepted') await this.tell(share, 'share-accepted');
  }

  /** A plain OCM 0.0.3 peer knows no acceptance: our operator may have said that its 201 is one. */
  private async acceptsImplicitly({ relationshipId }: OutgoingShareRow): Promise<boolean> {
    return (await this.relationships.find(relationshipId))?.policy.implicitAcceptance === true;
  }

  /**
   * It may have arrived, whatever was said of it: the token's hash stays, so that the token works if its recipient accepts
   * after all. Until then it grants nothing; the token itself is gone with the delivery.
   */
  private async fail(share: OutgoingShareRow, event: 'refused' | 'timed-out', reason: string): Promise<void> {
    if ((await this.shares.judge(share, event)) !== 'failed') return;
    await this.shares.update(share, { state: 'failed', reason });
    await this.audit.record({
      action: 'share.failed',
      object: outgoingShare(share.id),
      peer: share.relationshipId,
      details: { reason },
    });
    await this.tell(share, 'share-undeliverable', reason);
  }

  private tell(
    share: OutgoingShareRow,
    type: 'share-accepted' | 'share-undeliverable',
    reason?: string,
  ): Promise<void> {
    const { ownerAccount: account, id, name, shareWith: counterpart } = share;
    return this.events.tell({ type, account, share: id, name, counterpart, reason });
  }
}

/** In plain OCM 0.0.3 a share has no id, and `webdav` is the one protocol there is. */
function offerOf(meaning: OfferMeaning, token: Secret, flavour: Flavour): ShareOffer {
  return new ShareOffer({
    shareId: flavour === 'plain' ? undefined : meaning.shareId,
    providerId: meaning.resourceId,
    owner: FederatedAddress.parse(meaning.owner),
    recipient: { kind: 'address', address: FederatedAddress.parse(meaning.shareWith) },
    name: meaning.name,
    description: meaning.description ?? undefined,
    permission: meaning.permission,
    expiresAt: meaning.expiresAt === null ? undefined : new Date(meaning.expiresAt),
    protocols: [flavour === 'plain' ? OfferedProtocol.plainWebdav(token) : OfferedProtocol.pfClassic(token)],
    flavour,
  });
}
