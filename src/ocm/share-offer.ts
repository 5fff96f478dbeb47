import type { FederatedAddress } from '../kernel/federated-address.js';
import { canonicalJson } from './canonical-json.js';
import type { OfferedProtocol } from './offered-protocol.js';
import type { Permission } from './permission.js';
import { type Recipient, recipientText } from './recipient.js';

/** In whose manner an offer was written: answers about the share are spelt the same way. */
export const FLAVOURS = ['powerfolder', 'plain'] as const;
export type Flavour = (typeof FLAVOURS)[number];

export interface ShareOfferFields {
  /** The provider's id of this one share; plain OCM 0.0.3 has none. */
  readonly shareId?: string;
  /** The provider's id of the resource. */
  readonly providerId: string;
  /** An owner written without a domain belongs to the cloud that called. */
  readonly owner: FederatedAddress;
  readonly recipient: Recipient;
  readonly name: string;
  readonly description?: string;
  readonly permission: Permission;
  readonly expiresAt?: Date;
  /** The protocols that we understand, in the order offered: at least one. */
  readonly protocols: readonly OfferedProtocol[];
  readonly flavour?: Flavour;
}

/** A share as one cloud offers it to an account of another, whatever dialect it was written in. */
export class ShareOffer implements ShareOfferFields {
  readonly shareId?: string;
  readonly providerId: string;
  readonly owner: FederatedAddress;
  readonly recipient: Recipient;
  readonly name: string;
  readonly description?: string;
  readonly permission: Permission;
  readonly expiresAt?: Date;
  readonly protocols: readonly OfferedProtocol[];
  readonly flavour: Flavour;

  constructor(fields: ShareOfferFields) {
    this.shareId = fields.shareId;
    this.providerId = fields.providerId;
    this.owner = fields.owner;
    this.recipient = fields.recipient;
    this.name = fields.name;
    this.description = fields.description;
    this.permission = fields.permission;
    this.expiresAt = fields.expiresAt;
    this.protocols = fields.protocols;
    this.flavour = fields.flavour ?? 'powerfolder';
  }

  /**
   * Everything that the offer says, as one canonical text. It holds the token: compare keyed digests of it, never store
   * or log it. Equal for two spellings of the same offer: the order of keys and of protocols, and the flavour, do not count.
   */
  meaning(): string {
    return canonicalJson({
      shareId: this.shareId,
      providerId: this.providerId,
      owner: this.owner.toString(),
      recipient: recipientText(this.recipient),
      name: this.name,
      description: this.description,
      permission: this.permission,
      expiresAt: this.expiresAt?.toISOString(),
      protocols: this.protocols.map((protocol) => canonicalJson(protocol.reveal())).sort(),
    });
  }
}
