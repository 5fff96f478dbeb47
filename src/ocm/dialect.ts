import type { JsonObject } from './canonical-json.js';
import type { NotificationMessage } from './notification.js';
import type { DescribedShare } from './receipt.js';
import type { Flavour, ShareOffer } from './share-offer.js';

export const DIALECT_NAMES = ['v0.0.3-powerfolder', 'v0.0.3'] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** What a body cannot say of itself. */
export interface DecodeContext {
  /** Host of the authenticated caller's origin: completes an owner without a domain, bounds the uris it may name. */
  readonly peerHost: string;
}

/** One spelling of the protocol. Picked by the body on the way in, by the peer's record on the way out. */
export interface Dialect {
  readonly name: DialectName;
  readonly flavour: Flavour;

  /** Whether an offer is written in this dialect; whether it is a valid one shows when it is decoded. */
  recognisesShare(body: JsonObject): boolean;

  /** @throws FederationError of kind `invalid` or `not-offered`. */
  decodeShare(body: JsonObject, context: DecodeContext): ShareOffer;
  encodeShare(offer: ShareOffer): JsonObject;

  /** What our routes answer about a share, secrets blanked. */
  describeShare(share: DescribedShare): object;

  /** @throws FederationError of kind `invalid`. */
  decodeNotification(body: unknown): NotificationMessage;
  encodeNotification(message: NotificationMessage): JsonObject;
}
