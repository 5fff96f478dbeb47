import type { Permission } from './permission.js';
import type { Recipient } from './recipient.js';

/** The messages that have an effect, and which side of the share may send each. Any other type is stored without one. */
export const NOTIFICATION_SENDERS = {
  SHARE_ACCEPTED: 'consumer',
  SHARE_DECLINED: 'consumer',
  SHARE_REMOVED: 'consumer',
  SHARE_UNSHARED: 'provider',
  SHARE_PERMISSION_CHANGED: 'provider',
  SHARE_UPDATED: 'provider',
} as const;
export type NotificationType = keyof typeof NOTIFICATION_SENDERS;
export const NOTIFICATION_TYPES = Object.keys(NOTIFICATION_SENDERS) as readonly NotificationType[];

export function isNotificationType(type: string): type is NotificationType {
  return Object.hasOwn(NOTIFICATION_SENDERS, type);
}

export interface NotificationFields {
  /** One of `NOTIFICATION_TYPES`, or a word of the sender's own. */
  readonly type: string;
  /** Free text for people, at most 1,000 characters. */
  readonly message?: string;
  readonly shareId?: string;
  /** The provider's id of the resource; may match several shares. */
  readonly providerId?: string;
  /** For whom the share is; a local name belongs to the consuming cloud, whichever side sends. */
  readonly recipient?: Recipient;
  readonly permission?: Permission;
  readonly name?: string;
  readonly description?: string;
  /** undefined = not spoken of; null = the share no longer expires. */
  readonly expiresAt?: Date | null;
  /** Rises with every change of one share; 1 … 2^53 - 1. */
  readonly sequence?: number;
}

/** A short message from one cloud to another, mostly about a share. */
export class NotificationMessage implements NotificationFields {
  readonly type: string;
  readonly message?: string;
  readonly shareId?: string;
  readonly providerId?: string;
  readonly recipient?: Recipient;
  readonly permission?: Permission;
  readonly name?: string;
  readonly description?: string;
  readonly expiresAt?: Date | null;
  readonly sequence?: number;

  constructor(fields: NotificationFields) {
    this.type = fields.type;
    this.message = fields.message;
    this.shareId = fields.shareId;
    this.providerId = fields.providerId;
    this.recipient = fields.recipient;
    this.permission = fields.permission;
    this.name = fields.name;
    this.description = fields.description;
    this.expiresAt = fields.expiresAt;
    this.sequence = fields.sequence;
  }

  /** Whether it says which share it is about; one that does not is stored and changes nothing. */
  get namesShare(): boolean {
    return this.shareId !== undefined || this.providerId !== undefined;
  }
}
