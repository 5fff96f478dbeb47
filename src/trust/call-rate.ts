import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { TooManyRequests } from './trust-errors.js';
import type { TrustedPeer } from './trusted-peer.js';

/** A statement that had to wait for another may come with the minute before: it counts in the one that the row is in. */
const COUNT = {
  name: 'trust-count-call',
  text: `
  with counted as (
    insert into federation.peer_call as c (relationship_id, minute, count) values ($1, date_trunc('minute', now()), 1)
    on conflict (relationship_id) do update
    set minute = greatest(c.minute, excluded.minute),
      count = case when c.minute >= excluded.minute then c.count + 1 else 1 end
    where c.minute < excluded.minute or c.count < $2
    returning true
  )
  select exists (select from counted) as counted, 60 - extract(second from clock_timestamp())::float8 as left`,
};

/**
 * How often a peer calls, where our operator has set a limit. Counted in the database, by its clock and in its minutes, so
 * that all nodes together let in as many calls as the limit says and not one more. What is refused is not counted.
 */
@Injectable()
export class CallRate {
  constructor(private readonly transactions: Transactions) {}

  /** @throws TooManyRequests until the minute is over */
  async count({ id, policy }: TrustedPeer): Promise<void> {
    if (!policy.rate) return;
    const [row] = await this.transactions.prepared<Counted>(COUNT, [id, policy.rate.requestsPerMinute]);
    if (!row?.counted) throw new TooManyRequests(row?.left ?? 60);
  }

  /** Of a peer that has left. */
  async forget(relationshipId: string): Promise<void> {
    await this.transactions.query('delete from federation.peer_call where relationship_id = $1', [relationshipId]);
  }
}

interface Counted {
  readonly counted: boolean;
  /** Seconds of the minute. */
  readonly left: number;
}
