import { Injectable } from '@nestjs/common';
import { StateConflict } from '../../kernel/federation-error.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';

/**
 * To a plain OCM 0.0.3 peer a share has no name but its resource and its recipient. One at a time can bear it. Who asks
 * keeps the name to itself until the running transaction ends. Locks: after the share.
 */
@Injectable()
export class PlainNames {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  /** For a share that lives from now on. @throws StateConflict if another bears the name */
  async claim(share: OutgoingShareRow): Promise<void> {
    if (await this.meanAnother(share))
      throw new StateConflict('the peer knows one share of a resource with a person, and there is one');
  }

  /**
   * Whether the name means this share to the peer: not if another bears it by now, nor if its offer, which waits no more,
   * never left. A withdrawal of what never came would keep later offers of the same name out.
   */
  async mean(share: OutgoingShareRow): Promise<boolean> {
    if (await this.meanAnother(share)) return false;
    const offer = share.deliveryId === null ? null : await this.outbox.find(share.deliveryId);
    return offer === null || offer.attempts > 0;
  }

  /** One that failed may have arrived: an acceptance would bring it to life. */
  private async meanAnother({ id, relationshipId, resourceId, shareWith }: OutgoingShareRow): Promise<boolean> {
    const name = [relationshipId, resourceId, shareWith];
    await this.transactions.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(name)]);
    const others = await this.transactions.query(
      `select from federation.outgoing_share where relationship_id = $1 and resource_id = $2 and share_with = $3
         and id <> $4 and (expires_at is null or expires_at > now())
         and (state in ('pending-delivery', 'pending', 'accepted') or (state = 'failed' and token_hash is not null))`,
      [...name, id],
    );
    return others.length > 0;
  }
}
