import { Injectable } from '@nestjs/common';
import { Transactions } from '../../persistence/transactions.js';

/** Tombstones of one peer, at most; the oldest go first. */
const PER_PEER = 1_000;
const DAYS = 30;

/** Withdrawals that came before their shares. */
@Injectable()
export class Tombstones {
  constructor(private readonly transactions: Transactions) {}

  async has(relationshipId: string, shareId: string): Promise<boolean> {
    const rows = await this.transactions.query(
      `select 1 from federation.share_tombstone
       where relationship_id = $1 and share_id = $2 and created_at > now() - make_interval(days => ${DAYS})`,
      [relationshipId, shareId],
    );
    return rows.length > 0;
  }

  async set(relationshipId: string, shareId: string): Promise<void> {
    await this.transactions.query(
      `insert into federation.share_tombstone (relationship_id, share_id) values ($1, $2)
       on conflict (relationship_id, share_id) do update set created_at = now()`,
      [relationshipId, shareId],
    );
    await this.transactions.query(
      `delete from federation.share_tombstone t where relationship_id = $1 and
         (created_at < now() - make_interval(days => ${DAYS}) or share_id in (
           select share_id from federation.share_tombstone where relationship_id = $1
           order by created_at desc, share_id offset ${PER_PEER}))`,
      [relationshipId],
    );
  }
}
