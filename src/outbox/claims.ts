import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { Handlers } from './handlers.js';

/** Seconds that a node may take for one attempt before another node may try. */
export const LEASE_SECONDS = 60;

/** A delivery that this node holds. */
export interface Claim {
  readonly id: string;
  readonly kind: string;
  readonly peer: string;
  readonly meaning: unknown;
  readonly sealed: string | null;
  readonly attempts: number;
  readonly fence: string;
  /** Whether its time is over: this attempt is the last. */
  readonly expired: boolean;
}

/** The lease was lost: what this node found out is no longer its to record. */
export class FenceLost extends Error {
  constructor(id: string) {
    super(`delivery ${id} is no longer ours`);
    this.name = 'FenceLost';
  }
}

const CLAIM_LOCAL = {
  name: 'outbox-claim-local',
  text: `
    with picked as (
      select d.id from federation.delivery d
      where d.state = 'waiting' and d.due_at <= now() and (d.lease_until is null or d.lease_until < now())
        and d.kind = any ($2::text[])
        and not exists (select from federation.delivery e
          where e.ordering_key = d.ordering_key and e.state = 'waiting' and e.position < d.position)
      order by d.due_at, d.position limit $1
      for update of d skip locked
    )
    update federation.delivery d
    set attempts = d.attempts + 1, fence = d.fence + 1, lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    from picked where d.id = picked.id
    returning d.id, d.kind, d.peer, d.meaning, d.sealed, d.attempts, d.fence, d.expires_at <= now() as expired`,
};

const SETTLE_ALL = {
  name: 'outbox-settle-all',
  text: `
    update federation.delivery d
    set state = 'delivered', reason = null, sealed = null, lease_until = null, settled_at = now()
    from unnest($1::text[], $2::bigint[]) as mine (id, fence)
    where d.id = mine.id and d.fence = mine.fence and d.state = 'waiting' returning d.id`,
};

/** Who sends what: leases with a fence, claimed with SKIP LOCKED, the oldest of each ordering key only. */
@Injectable()
export class Claims {
  constructor(
    private readonly transactions: Transactions,
    private readonly handlers: Handlers,
  ) {}

  /**
   * Of what is said to peers.
   * @param limit how many at most
   * @param perPeer how many of one peer may be under way on this node
   * @param underWay how many are, by peer
   */
  claim(limit: number, perPeer: number, underWay: ReadonlyMap<string, number> = new Map()): Promise<Claim[]> {
    return this.transactions.query<Claim>(
      `with due as (
         select d.id, row_number() over (partition by d.peer order by d.due_at, d.position) + coalesce(u.count, 0) as nth
         from federation.delivery d left join unnest($3::text[], $4::int[]) as u (peer, count) on u.peer = d.peer
         where d.state = 'waiting' and d.due_at <= now() and (d.lease_until is null or d.lease_until < now())
           and coalesce(u.count, 0) < $2 and d.kind <> all ($5::text[])
           and not exists (select from federation.delivery_hold h where h.peer = d.peer)
           and not exists (select from federation.delivery e
             where e.ordering_key = d.ordering_key and e.state = 'waiting' and e.position < d.position)
       ), picked as (
         select d.id from federation.delivery d join due on due.id = d.id and due.nth <= $2
         where d.state = 'waiting' and d.due_at <= now() and (d.lease_until is null or d.lease_until < now())
         order by d.due_at, d.position limit $1
         for update of d skip locked
       )
       update federation.delivery d
       set attempts = d.attempts + 1, fence = d.fence + 1, lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
       from picked where d.id = picked.id
       returning d.id, d.kind, d.peer, d.meaning, d.sealed, d.attempts, d.fence, d.expires_at <= now() as expired`,
      [limit, perPeer, [...underWay.keys()], [...underWay.values()], this.handlers.localKinds],
    );
  }

  /** Of what is told within this process. @param limit how many at most */
  claimLocal(limit: number): Promise<Claim[]> {
    return this.transactions.prepared<Claim>(CLAIM_LOCAL, [limit, this.handlers.localKinds]);
  }

  /** Records of many deliveries at once that they are done. @returns ids of those whose lease was still ours */
  async settleAll(claims: readonly Claim[]): Promise<Set<string>> {
    const ids = claims.map((claim) => claim.id);
    const fences = claims.map((claim) => claim.fence);
    const rows = await this.transactions.prepared<{ id: string }>(SETTLE_ALL, [ids, fences]);
    return new Set(rows.map(({ id }) => id));
  }

  /** Records the end of a delivery and destroys its secret. @throws FenceLost */
  async settle(claim: Claim, state: 'delivered' | 'refused' | 'expired' | 'cancelled', reason: string | null) {
    const rows = await this.transactions.query(
      `update federation.delivery
       set state = $3, reason = $4, sealed = null, lease_until = null, settled_at = now()
       where id = $1 and fence = $2 and state = 'waiting' returning id`,
      [claim.id, claim.fence, state, reason],
    );
    if (rows.length === 0) throw new FenceLost(claim.id);
  }

  /** Gives the lease back, for another attempt in so many seconds. Silent if the lease is lost. */
  async postpone(claim: Claim, seconds: number, reason: string): Promise<void> {
    await this.transactions.query(
      `update federation.delivery
       set lease_until = null, reason = $4, due_at = least(now() + make_interval(secs => $3), greatest(expires_at, now()))
       where id = $1 and fence = $2 and state = 'waiting'`,
      [claim.id, claim.fence, seconds, reason],
    );
  }

  /** Gives leases back untried, for another node to take at once. What an act holds just now is left to its end. */
  async release(claims: readonly Claim[]): Promise<void> {
    await this.transactions.query(
      `with held as (
         select d.id from federation.delivery d join unnest($1::text[], $2::bigint[]) as mine (id, fence)
           on d.id = mine.id and d.fence = mine.fence
         where d.state = 'waiting' for update of d skip locked
       )
       update federation.delivery d set lease_until = null, attempts = d.attempts - 1
       from held where d.id = held.id`,
      [claims.map((claim) => claim.id), claims.map((claim) => claim.fence)],
    );
  }
}
