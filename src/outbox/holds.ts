import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { OutboxBell } from './outbox-bell.js';

/** The reason of a delivery that waits because its peer is held. */
export const HELD = 'suspended';

/** Peers that are told nothing for now. What is owed to them waits unattempted, and the time of waiting is not counted. */
@Injectable()
export class Holds {
  constructor(
    private readonly transactions: Transactions,
    private readonly bell: OutboxBell,
  ) {}

  /** From the commit on; an attempt that is under way goes on. Whoever holds a peer keeps others from doing it at once. */
  async hold(peer: string): Promise<void> {
    await this.transactions.query('insert into federation.delivery_hold (peer) values ($1) on conflict do nothing', [
      peer,
    ]);
    await this.transactions.query(
      `update federation.delivery set reason = $2 where peer = $1 and state = 'waiting' and reason is distinct from $2`,
      [peer, HELD],
    );
  }

  /** What has waited goes at once, in its order, and has as long to arrive as it had before. */
  async release(peer: string): Promise<void> {
    await this.transactions.query(
      `with ended as (delete from federation.delivery_hold where peer = $1 returning since)
       update federation.delivery d
       set due_at = now(), expires_at = d.expires_at + (now() - greatest(d.created_at, ended.since)),
         reason = nullif(d.reason, $2)
       from ended where d.peer = $1 and d.state = 'waiting'`,
      [peer, HELD],
    );
    this.transactions.afterCommit(() => this.bell.ring());
  }
}
