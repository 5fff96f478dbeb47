import type { JsonObject } from '../canonical-json.js';
import type { RevealedProtocol } from '../offered-protocol.js';
import { recipientText } from '../recipient.js';
import type { ShareOffer } from '../share-offer.js';
import { MASK_OF } from './permission-mask.js';

/** Secrets in the clear: for the connection to the peer, never for a log. */
export function encodePowerFolderShare(offer: ShareOffer): JsonObject {
  return withoutUndefined({
    shareId: offer.shareId,
    ...common(offer),
    permission: offer.permission,
    protocol: offer.protocols.map((protocol) => protocol.reveal()),
  });
}

/** Plain 0.0.3 has room for one protocol (`webdav`, if it is offered), and for the permission only in its options. */
export function encodePlainShare(offer: ShareOffer): JsonObject {
  const protocol = offer.protocols.find(({ name }) => name === 'webdav') ?? offer.protocols[0];
  if (!protocol) throw new TypeError('an offer has at least one protocol');
  return withoutUndefined({ ...common(offer), protocol: withMask(protocol.reveal(), offer) });
}

function withMask({ name, options }: RevealedProtocol, offer: ShareOffer): JsonObject {
  return { name, options: { ...options, permissions: MASK_OF[offer.permission] } };
}

function common(offer: ShareOffer): JsonObject {
  return {
    owner: offer.owner.toString(),
    shareWith: recipientText(offer.recipient),
    name: offer.name,
    description: offer.description,
    providerId: offer.providerId,
    expiration: secondsOf(offer.expiresAt),
  };
}

/** Whole seconds since 1970. */
export function secondsOf(date: Date | undefined): number | undefined {
  return date && Math.floor(date.getTime() / 1000);
}

export function withoutUndefined(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
