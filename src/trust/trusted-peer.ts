import type { FederatedAddress } from '../kernel/federated-address.js';
import { Origin } from '../kernel/origin.js';
import type { PeerPolicy, RelationshipRow } from './relationship.entity.js';

/** What a peer route belongs to. `leaving` is open to a suspended peer, and neither switch, policy nor rate closes it. */
export type Capability = 'sharing' | 'login' | 'discovery' | 'trust' | 'leaving';

/** A cloud that may talk to us, as its relationship said when this request was judged. */
export class TrustedPeer {
  readonly origin: Origin;

  constructor(
    /** Id of the relationship. */
    readonly id: string,
    origin: string,
    readonly pin: string,
    /** Domains it may speak for: its host, and those our operator approved. */
    readonly domains: readonly string[],
    readonly policy: PeerPolicy,
    /** The references that end this relationship and no other. */
    readonly references: readonly string[],
  ) {
    this.origin = Origin.parse(origin);
  }

  static from(row: RelationshipRow, domains: readonly string[]): TrustedPeer {
    const references = [row.ownReference, row.peerReference].filter((reference) => reference !== null);
    return new TrustedPeer(row.id, row.origin, row.pin ?? '', domains, row.policy, references);
  }

  /** Whether our operator lets this peer do such things at all. */
  allows(capability: Capability): boolean {
    return capability === 'trust' || capability === 'leaving' || this.policy[capability] !== false;
  }

  /** Exact match: a sub-domain is another domain. */
  speaksFor(address: FederatedAddress): boolean {
    return this.domains.includes(address.domain);
  }
}
