import { Injectable } from '@nestjs/common';
import type { NotificationType } from '../ocm/notification.js';
import type { Permission } from '../ocm/permission.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import type { IncomingShareRow } from './incoming/incoming-share.entity.js';
import type { OutgoingShareRow } from './outgoing/outgoing-share.entity.js';

type AnyShare = OutgoingShareRow | IncomingShareRow;

/** What is said about a share, as frozen in the delivery. */
export interface ShareMessage {
  readonly type: NotificationType;
  readonly shareId?: string;
  readonly providerId?: string;
  /** The recipient, for clouds that know shares by resource and recipient. */
  readonly shareWith?: string;
  readonly permission?: Permission;
  readonly name?: string;
  readonly description?: string;
  /** ISO 8601; null = no longer expires. */
  readonly expiresAt?: string | null;
  readonly sequence?: number;
}

export interface SentMessage {
  /** Messages about one share are sent in order. */
  readonly share: AnyShare;
  readonly message: ShareMessage;
  /** Endings are worth telling for a month. */
  readonly isEnding?: boolean;
}

/** Says something about a share to the cloud on its other side. */
@Injectable()
export class ShareMessages {
  constructor(private readonly outbox: Outbox) {}

  send({ share, message, isEnding }: SentMessage): Promise<string> {
    return this.outbox.enqueue({
      kind: 'share-message',
      peer: share.relationshipId,
      orderingKey: shareOrder(share),
      meaning: { share: share.id, ...message },
      horizon: isEnding ? HORIZON.withdrawal : HORIZON.ordinary,
    });
  }
}

/**
 * The order of all deliveries about one share, its offer first. Where shares have no ids there is one order for all of a
 * resource and a person: what is said of the one that came first must not be taken for the next.
 */
export function shareOrder(share: AnyShare): string {
  const { id, relationshipId, shareWith } = share;
  const resource = plainResource(share);
  return `share:${resource === undefined ? id : JSON.stringify([relationshipId, resource, shareWith])}`;
}

/** What the provider calls the resource, if the other cloud knows the share by no other name. */
function plainResource(share: AnyShare): string | undefined {
  if ('resourceId' in share) return share.flavour === 'plain' ? share.resourceId : undefined;
  return share.shareId === null ? share.providerId : undefined;
}
