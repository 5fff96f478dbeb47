import { Injectable } from '@nestjs/common';
import { DEFAULT_DIALECT, dialectNamed } from '../ocm/dialects.js';
import { NotificationMessage } from '../ocm/notification.js';
import { parseRecipient } from '../ocm/recipient.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from '../trust/peer-endpoints.js';
import { ConfirmAcceptance } from './incoming/confirm-acceptance.js';
import type { ShareMessage } from './share-messages.js';

/** Tells the other cloud what happened to a share, in the dialect that it speaks by then. */
@Injectable()
@Delivers('share-message')
export class DeliverShareMessage extends DeliveryHandler<ShareMessage & { readonly share: string }> {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
    private readonly confirmAcceptance: ConfirmAcceptance,
  ) {
    super();
  }

  override async attempt({ id, peer, meaning }: Delivery<ShareMessage>): Promise<Attempt> {
    const endpoint = await this.endpoints.ofTrusted(peer);
    // The end of trust takes deliveries back itself: what is left waits for a peer that is only suspended.
    if (!endpoint) return { kind: 'retry', reason: 'not-trusted' };
    const call = {
      method: 'POST',
      path: '/notifications',
      headers: { 'idempotency-key': id },
      body: dialectNamed(DEFAULT_DIALECT).encodeNotification(messageOf(meaning)),
    } as const;
    // What became of a share stays true while sharing is switched off at the other cloud.
    return attemptCall(this.client, endpoint, call, { passing: ['SUSPENDED', 'NOT_ENABLED'] });
  }

  /** Only an acceptance waits for its answer. */
  override async settled(
    { meaning }: Delivery<ShareMessage & { share: string }>,
    settlement: Settlement,
  ): Promise<void> {
    if (meaning.type === 'SHARE_ACCEPTED') await this.confirmAcceptance.execute(meaning.share, settlement);
  }
}

function messageOf({ shareWith, expiresAt, ...meaning }: ShareMessage): NotificationMessage {
  return new NotificationMessage({
    ...meaning,
    recipient: shareWith === undefined ? undefined : parseRecipient(shareWith),
    expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt) : expiresAt,
  });
}
