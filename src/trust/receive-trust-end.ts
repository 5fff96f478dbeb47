import { Injectable } from '@nestjs/common';
import { StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import type { TrustEndDto } from './handshake.dto.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { CallerNotTrusted } from './trust-errors.js';
import { TRUST_LIFE } from './trust-life.js';
import { TrustRequests } from './trust-requests.js';
import type { TrustedPeer } from './trusted-peer.js';

/** A peer ends the relationship. @throws StateConflict if it means another one than the present. */
@Injectable()
export class ReceiveTrustEnd {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
  ) {}

  execute(peer: TrustedPeer, { relationship, reason }: TrustEndDto): Promise<void> {
    if (!peer.references.includes(relationship)) throw new StateConflict('another relationship is meant');
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      const row = await this.relationships.lock(peer.id);
      if (TRUST_LIFE.left[row.state] === 'refuse') throw new CallerNotTrusted('trust ended meanwhile');
      await this.life.end(row, 'REVOKED', reason ?? 'REVOKED_BY_PEER');
    });
  }
}
