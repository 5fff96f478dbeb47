import type { NotificationMessage } from '../notification.js';
import { type Page, pageHref } from '../page.js';
import type { DescribedShare } from '../receipt.js';
import { secondsOf } from './encode-share.js';
import { encodeNotification } from './notification-codec.js';
import type {
  BlankedProtocolDto,
  NotificationListDto,
  NotificationResourceDto,
  PageLinksDto,
  ShareListDto,
  ShareResourceDto,
} from './resource.dto.js';

/** A share as our routes answer it: the options of its protocols, and so every secret, are blank. */
export function shareResource(share: DescribedShare): ShareResourceDto {
  return {
    id: share.id,
    createdAt: share.createdAt.toISOString(),
    state: share.state,
    shareId: share.shareId,
    owner: share.owner,
    shareWith: share.recipient,
    permission: share.permission,
    name: share.name,
    description: share.description,
    providerId: share.providerId,
    expiration: secondsOf(share.expiresAt),
    protocol: blanked(share),
    _links: { self: { href: share.href } },
  };
}

function blanked(share: DescribedShare): BlankedProtocolDto | BlankedProtocolDto[] {
  const protocols = share.protocols.map((name) => ({ name, options: {} }));
  return (share.flavour === 'plain' && protocols[0]) || protocols;
}

/** A notification that we hold. */
export interface DescribedNotification {
  readonly id: string;
  readonly createdAt: Date;
  readonly message: NotificationMessage;
  /** Where it can be read, as mounted for this caller: `/notifications/{id}`. */
  readonly href: string;
}

export function notificationResource(held: DescribedNotification): NotificationResourceDto {
  return {
    id: held.id,
    createdAt: held.createdAt.toISOString(),
    type: held.message.type,
    ...encodeNotification(held.message),
    _links: { self: { href: held.href } },
  };
}

/** A notification whose wire form was kept. `path`: of the list as mounted for this caller. */
export function storedNotificationResource(
  held: { readonly id: string; readonly createdAt: Date; readonly type: string; readonly content: object },
  path: string,
): NotificationResourceDto {
  return {
    ...held.content,
    id: held.id,
    createdAt: held.createdAt.toISOString(),
    type: held.type,
    _links: { self: { href: `${path}/${held.id}` } },
  };
}

/** `path`: of the list as mounted for this caller, `/shares` or `/ocm/shares`. */
export function shareList(shares: readonly ShareResourceDto[], page: Page, path: string): ShareListDto {
  return { _embedded: { shares: [...shares] }, _links: pageLinks(page, path) };
}

export function notificationList(
  notifications: readonly NotificationResourceDto[],
  page: Page,
  path: string,
): NotificationListDto {
  return { _embedded: { notifications: [...notifications] }, _links: pageLinks(page, path) };
}

function pageLinks(page: Page, path: string): PageLinksDto {
  const self = { href: pageHref(path, page.number) };
  const isLast = page.number * page.size >= page.total;
  return isLast ? { self } : { self, next: { href: pageHref(path, page.number + 1) } };
}
