import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Transactions } from '../persistence/transactions.js';
import { type EndedTrust, OnTrustEnded, TrustEndHandler } from '../trust/on-trust-ended.js';
import { incomingShare, outgoingShare } from './audit-names.js';
import { INCOMING_LIFE, INCOMING_PRESENT, OUTGOING_LIFE, OUTGOING_PRESENT, statesMovedBy } from './share-life.js';

const OUTGOING = statesMovedBy(OUTGOING_LIFE, 'trust-ended', OUTGOING_PRESENT);
/** `expired` in a row means replaced: only what is live expires by the clock. */
const INCOMING = statesMovedBy(INCOMING_LIFE, 'trust-ended', INCOMING_PRESENT).filter((state) => state !== 'expired');

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
       where relationship_id = $1 and state = any ($2) returning id`,
      [relationship, OUTGOING],
    );
    const incoming = await this.transactions.query<{ id: string }>(
      `update federation.incoming_share
       set state = 'revoked', reason = 'TRUST_ENDED', protocols_sealed = null, confirmed = false, changed_at = now()
       where relationship_id = $1 and state = any ($2) returning id`,
      [relationship, INCOMING],
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
    for (const [table, states] of [
      ['outgoing_share', OUTGOING],
      ['incoming_share', INCOMING],
    ] as const) {
      await this.transactions.query(
        `select from federation.${table} where relationship_id = $1 and state = any ($2) order by id for update`,
        [relationship, states],
      );
    }
  }
}
