import type { JsonObject } from '../canonical-json.js';
import { NotificationMessage } from '../notification.js';
import { isPermission } from '../permission.js';
import { parseRecipient, recipientText } from '../recipient.js';
import { validateBody } from '../validation/validate-body.js';
import { dateOf } from './decode-share.js';
import { secondsOf, withoutUndefined } from './encode-share.js';
import { NotificationDto } from './notification.dto.js';

/** @throws ValidationFailed */
export function decodeNotification(body: unknown): NotificationMessage {
  const dto = validateBody(NotificationDto, body, { unknownProperties: 'ignore' });
  return new NotificationMessage({
    type: dto.type,
    message: dto.message ?? undefined,
    shareId: dto.shareId ?? undefined,
    providerId: dto.providerId ?? undefined,
    recipient: typeof dto.shareWith === 'string' ? parseRecipient(dto.shareWith) : undefined,
    permission: isPermission(dto.permission) ? dto.permission : undefined,
    name: dto.name ?? undefined,
    description: dto.description ?? undefined,
    expiresAt: dto.expiration === null ? null : dateOf(dto.expiration),
    sequence: dto.sequence ?? undefined,
  });
}

export function encodeNotification(message: NotificationMessage): JsonObject {
  return withoutUndefined({
    type: message.type,
    message: message.message,
    shareId: message.shareId,
    providerId: message.providerId,
    shareWith: message.recipient && recipientText(message.recipient),
    permission: message.permission,
    name: message.name,
    description: message.description,
    expiration: message.expiresAt === null ? null : secondsOf(message.expiresAt),
    sequence: message.sequence,
  });
}
