import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Transactions } from '../persistence/transactions.js';
import { type EndedTrust, OnTrustEnded, TrustEndHandler } from '../trust/on-trust-ended.js';
import { incomingShare, outgoingShare } from './audit-names.js';

/** With the trust end the shares and their tokens, in both directions. A peer that is trusted again starts empty. */
@Injectable()
@OnTrustEnded()
export class EndShares extends TrustEndHandler {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
  ) {
    super();
  }

  override async trustEnded({ relationship }: EndedTrust): Promise<void> {
    await this.lockInOrder(relationship);
    const outgoing = await this.transactions.query<{ id: string }>(
      `update federation.outgoing_share
       set state = 'withdrawn', reason = 'TRUST_ENDED', token_hash = null, changed_at = now()
       where relationship_id = $1 and state in ('pending-delivery', 'pending', 'accepted') returning id`,
      [relationship],
    );
    const incoming = await this.transactions.query<{ id: string }>(
      `update federation.incoming_share
       set state = 'revoked', reason = 'TRUST_ENDED', protocols_sealed = null, confirmed = false, changed_at = now()
       where relationship_id = $1 and state in ('pending', 'accepted') returning id`,
      [relationship],
    );
    await this.transactions.query(`update federation.outgoing_share set token_hash = null where relationship_id = $1`, [
      relationship,
    ]);
    const details = { reason: 'TRUST_ENDED' };
    await this.audit.recordAll([
      ...outgoing.map(({ id }) => ({
        action: 'share.withdrawn',
        object: outgoingShare(id),
        peer: relationship,
        details,
      })),
      ...incoming.map(({ id }) => ({
        action: 'share.revoked',
        object: incomingShare(id),
        peer: relationship,
        details,
      })),
    ]);
  }

  /** As everybody does who locks several shares. */
  private async lockInOrder(relationship: string): Promise<void> {
    for (const table of ['outgoing_share', 'incoming_share']) {
      await this.transactions.query(
        `select from federation.${table} where relationship_id = $1 and state in ('pending-delivery', 'pending', 'accepted')
         order by id for update`,
        [relationship],
      );
    }
  }
}
