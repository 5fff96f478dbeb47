import { DiscoveryService } from '@nestjs/core';
import type { NotificationMessage, NotificationType } from '../ocm/notification.js';
import type { TrustedPeer } from '../trust/trusted-peer.js';

/**
 * Gives one type of notification its effect, in the transaction that stores it. A refusal is thrown, and nothing of the
 * notification stays. Only messages that name a share reach a handler.
 */
export abstract class NotificationHandler {
  abstract handle(peer: TrustedPeer, message: NotificationMessage): Promise<void>;
}

/** Marks the class that handles a type: `@HandlesNotification('SHARE_ACCEPTED')`. */
export const HandlesNotification = DiscoveryService.createDecorator<NotificationType>();
