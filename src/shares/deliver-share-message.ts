import { Injectable } from '@nestjs/common';
import { dialectOfFlavour } from '../ocm/dialects.js';
import { NotificationMessage } from '../ocm/notification.js';
import { parseRecipient } from '../ocm/recipient.js';
import type { Flavour } from '../ocm/share-offer.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from '../trust/peer-endpoints.js';
import { ConfirmAcceptance } from './incoming/confirm-acceptance.js';
import { OutgoingShares } from './outgoing/outgoing-shares.js';
import { UnheardChange } from './outgoing/unheard-change.js';
import type { ShareMessage } from './share-messages.js';

/** Tells the other cloud what happened to a share, in the dialect in which the share was offered. */
@Injectable()
@Delivers('share-message')
export class DeliverShareMessage extends DeliveryHandler<ShareMessage & { readonly share: string }> {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
    private readonly outgoing: OutgoingShares,
    private readonly confirmAcceptance: ConfirmAcceptance,
    private readonly unheardChange: UnheardChange,
  ) {
    super();
  }

  override async attempt({ id, peer, meaning }: Delivery<ShareMessage & { share: string }>): Promise<Attempt> {
    const endpoint = await this.endpoints.ofTrusted(peer);
    // The end of trust takes deliveries back itself: what is left waits for a peer that is only suspended.
    if (!endpoint) return { kind: 'retry', reason: 'not-trusted' };
    const flavour = await this.flavourOf(meaning);
    const call = {
      method: 'POST',
      path: '/notifications',
      headers: { 'idempotency-key': id },
      body: dialectOfFlavour(flavour).encodeNotification(messageOf(meaning, flavour)),
    } as const;
    // What became of a share stays true while sharing is switched off at the other cloud, or with us.
    return attemptCall(this.client, endpoint, call, { passing: ['SUSPENDED', 'NOT_ENABLED', 'NOT_ALLOWED'] });
  }

  /** What we were offered without a name of its own was offered plainly. */
  private async flavourOf({ share, shareId }: ShareMessage & { share: string }): Promise<Flavour> {
    const ours = await this.outgoing.find(share);
    return ours?.flavour ?? (shareId === undefined ? 'plain' : 'powerfolder');
  }

  /** An ending is true, whatever is said to it. */
  override async settled(
    { meaning }: Delivery<ShareMessage & { share: string }>,
    settlement: Settlement,
  ): Promise<void> {
    switch (meaning.type) {
      case 'SHARE_ACCEPTED':
        return this.confirmAcceptance.execute(meaning.share, settlement);
      case 'SHARE_PERMISSION_CHANGED':
      case 'SHARE_UPDATED':
        return this.unheardChange.execute(meaning.share, settlement);
    }
  }
}

/** A share is called by its id; where it has none, by its resource and its recipient. */
function messageOf({ shareId, shareWith, expiresAt, ...meaning }: ShareMessage, flavour: Flavour): NotificationMessage {
  const isPlain = flavour === 'plain';
  return new NotificationMessage({
    ...meaning,
    shareId: isPlain ? undefined : shareId,
    recipient: isPlain && shareWith !== undefined ? parseRecipient(shareWith) : undefined,
    expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt) : expiresAt,
  });
}
