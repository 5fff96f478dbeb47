import { Injectable } from '@nestjs/common';
import { StateConflict } from '../../kernel/federation-error.js';
import { Transactions } from '../../persistence/transactions.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';

/** To a plain OCM 0.0.3 peer a share has no name but its resource and its recipient. One at a time can bear it. */
@Injectable()
export class PlainNames {
  constructor(private readonly transactions: Transactions) {}

  /** Keeps the name for a share until the running transaction ends. @throws StateConflict if another bears it */
  async claim({ relationshipId, resourceId, shareWith }: OutgoingShareRow): Promise<void> {
    const name = [relationshipId, resourceId, shareWith];
    await this.transactions.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(name)]);
    const held = await this.transactions.query(
      `select from federation.outgoing_share where relationship_id = $1 and resource_id = $2 and share_with = $3
         and state in ('pending-delivery', 'pending', 'accepted') and (expires_at is null or expires_at > now())`,
      name,
    );
    if (held.length > 0)
      throw new StateConflict('the peer knows one share of a resource with a person, and there is one');
  }
}
