import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { RefusalCounter } from '../../audit/refusal-counter.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { OwnerDomainMismatch } from '../share-errors.js';

/** A peer offers what belongs to accounts of its own domains, and nothing else. */
@Injectable()
export class CheckOwner {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
    private readonly refusals: RefusalCounter,
  ) {}

  /** @throws OwnerDomainMismatch */
  async execute(peer: TrustedPeer, offer: ShareOffer): Promise<void> {
    if (peer.speaksFor(offer.owner)) return;
    await this.report(peer, offer);
    throw new OwnerDomainMismatch(offer.owner.toString(), peer.origin.toString());
  }

  /** For the auditor once an hour, beside the count. */
  private async report(peer: TrustedPeer, { owner }: ShareOffer): Promise<void> {
    if (!this.refusals.isNews('owner-domain-mismatch', peer.id)) return;
    const details = { owner: owner.toString() };
    const event = { action: 'share.offered', object: `service:${peer.id}`, peer: peer.id, details } as const;
    await this.transactions.run(() => this.audit.record({ ...event, outcome: 'refused' }));
  }
}
