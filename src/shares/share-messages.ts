import { Injectable } from '@nestjs/common';
import type { NotificationType } from '../ocm/notification.js';
import type { Permission } from '../ocm/permission.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';

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
  /** Our id of the share: messages about one share are sent in order. */
  readonly share: string;
  /** Id of the relationship. */
  readonly peer: string;
  readonly message: ShareMessage;
  /** Endings are worth telling for a month. */
  readonly isEnding?: boolean;
}

/** Says something about a share to the cloud on its other side. */
@Injectable()
export class ShareMessages {
  constructor(private readonly outbox: Outbox) {}

  send({ share, peer, message, isEnding }: SentMessage): Promise<string> {
    return this.outbox.enqueue({
      kind: 'share-message',
      peer,
      orderingKey: shareOrder(share),
      meaning: { share, ...message },
      horizon: isEnding ? HORIZON.withdrawal : HORIZON.ordinary,
    });
  }
}

/** The order of all deliveries about one share, its offer first. */
export function shareOrder(share: string): string {
  return `share:${share}`;
}
