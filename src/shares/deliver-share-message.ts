import { Injectable } from '@nestjs/common';
import { dialectOfFlavour } from '../ocm/dialects.js';
import { NotificationMessage } from '../ocm/notification.js';
import { parseRecipient } from '../ocm/recipient.js';
import type { Flavour } from '../ocm/share-offer.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from '../trust/peer-endpoints.js';
import { Relationships } from '../trust/relationships.js';
import { ConfirmAcceptance } from './incoming/confirm-acceptance.js';
import type { ShareMessage } from './share-messages.js';

/** Tells the other cloud what happened to a share, in the dialect that it speaks by then. */
@Injectable()
@Delivers('share-message')
export class DeliverShareMessage extends DeliveryHandler<ShareMessage & { readonly share: string }> {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly relationships: Relationships,
    private readonly client: PeerClient,
    private readonly confirmAcceptance: ConfirmAcceptance,
  ) {
    super();
  }

  override async attempt({ id, peer, meaning }: Delivery<ShareMessage>): Promise<Attempt> {
    const endpoint = await this.endpoints.ofTrusted(peer);
    // The end of trust takes deliveries back itself: what is left waits for a peer that is only suspended.
    if (!endpoint) return { kind: 'retry', reason: 'not-trusted' };
    const flavour = (await this.relationships.find(peer))?.policy.flavour ?? 'powerfolder';
    const call = {
      method: 'POST',
      path: '/notifications',
      headers: { 'idempotency-key': id },
      body: dialectOfFlavour(flavour).encodeNotification(messageOf(meaning, flavour)),
    } as const;
    // What became of a share stays true while sharing is switched off at the other cloud, or with us.
    return attemptCall(this.client, endpoint, call, { passing: ['SUSPENDED', 'NOT_ENABLED', 'NOT_ALLOWED'] });
  }

  /** Only an acceptance waits for its answer. */
  override async settled(
    { meaning }: Delivery<ShareMessage & { share: string }>,
    settlement: Settlement,
  ): Promise<void> {
    if (meaning.type === 'SHARE_ACCEPTED') await this.confirmAcceptance.execute(meaning.share, settlement);
  }
}

/** Whom the share is for is said only where its id alone may mean nothing. */
function messageOf({ shareWith, expiresAt, ...meaning }: ShareMessage, flavour: Flavour): NotificationMessage {
  const isNamed = meaning.shareId !== undefined && flavour !== 'plain';
  return new NotificationMessage({
    ...meaning,
    recipient: shareWith === undefined || isNamed ? undefined : parseRecipient(shareWith),
    expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt) : expiresAt,
  });
}
