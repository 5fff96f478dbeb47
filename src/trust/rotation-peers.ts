import { Injectable } from '@nestjs/common';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { Transactions } from '../persistence/transactions.js';
import { TRUSTED_BY_HAND } from './trusted-by-hand.js';

/** The kind of the delivery that tells a peer of our next key. */
export const TELL_CERTIFICATE = 'trust-certificate';

/** It knows no handshake: our operator has to give the new certificate to its operator. */
export const BY_HAND = 'by-hand';

/** A peer that does not know our next key yet. */
export interface WaitingPeer {
  /** Id of the relationship. */
  readonly service: string;
  readonly origin: string;
  /** Why it could not be told, so far or for good. */
  readonly reason: string;
}

/** Who has heard of a change of our key, and who has not. */
@Injectable()
export class RotationPeers {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  /** Every peer that is trusted by now and was not told so far, also one that became it meanwhile. */
  async tellNewcomers(rotation: string): Promise<void> {
    const newcomers = await this.transactions.query<{ id: string; reason: string | null }>(
      `insert into federation.own_rotation_peer (rotation_id, relationship_id, reason)
       select $1, r.id, case when ${TRUSTED_BY_HAND} then $2 end from federation.relationship r
       where r.state in ('TRUSTED', 'SUSPENDED') and not exists (select from federation.own_rotation_peer p
         where p.rotation_id = $1 and p.relationship_id = r.id)
       on conflict do nothing returning relationship_id as id, reason`,
      [rotation, BY_HAND],
    );
    for (const { id, reason } of newcomers) if (reason !== BY_HAND) await this.tell(rotation, id);
  }

  /** What is to be said is decided when it is said: by then the rotation may have ended. */
  async tell(rotation: string, peer: string): Promise<void> {
    const [kind, orderingKey, horizon] = [TELL_CERTIFICATE, `trust:${peer}`, HORIZON.withdrawal];
    await this.outbox.enqueue({ kind, peer, orderingKey, meaning: { rotation }, horizon });
  }

  /** Unless something of the kind waits already: that will say what holds by then. */
  async keepTelling(rotation: string, peer: string): Promise<void> {
    const waiting = await this.transactions.query(
      `select from federation.delivery where peer = $1 and kind = $2 and state = 'waiting' and meaning->>'rotation' = $3`,
      [peer, TELL_CERTIFICATE, rotation],
    );
    if (waiting.length === 0) await this.tell(rotation, peer);
  }

  /** How many know it. */
  async told(rotation: string): Promise<number> {
    const [row] = await this.transactions.query<{ told: number }>(
      `select count(*)::int as told from federation.own_rotation_peer p
       join federation.relationship r on r.id = p.relationship_id
       where p.rotation_id = $1 and p.told_at is not null and r.state in ('TRUSTED', 'SUSPENDED')`,
      [rotation],
    );
    return row?.told ?? 0;
  }

  waiting(rotation: string): Promise<WaitingPeer[]> {
    return this.transactions.query<WaitingPeer>(
      `select r.id as service, r.origin, coalesce(p.reason, d.reason, 'not-tried') as reason
       from federation.own_rotation_peer p join federation.relationship r on r.id = p.relationship_id
       left join lateral (select reason from federation.delivery d
         where d.peer = r.id and d.kind = $2 and d.state = 'waiting' order by d.position limit 1) d on true
       where p.rotation_id = $1 and p.told_at is null and r.state in ('TRUSTED', 'SUSPENDED') order by r.origin`,
      [rotation, TELL_CERTIFICATE],
    );
  }

  async markTold(rotation: string, peer: string): Promise<void> {
    await this.transactions.query(
      `update federation.own_rotation_peer set told_at = now(), reason = null
       where rotation_id = $1 and relationship_id = $2`,
      [rotation, peer],
    );
  }

  async markRefused(rotation: string, peer: string, reason: string): Promise<void> {
    await this.transactions.query(
      'update federation.own_rotation_peer set reason = $3 where rotation_id = $1 and relationship_id = $2',
      [rotation, peer, reason],
    );
  }

  /** An earlier message to the same peer goes first: it should not wait for hours. */
  async hurry(): Promise<void> {
    await this.transactions.query(
      `update federation.delivery set due_at = now() where kind = $1 and state = 'waiting' and lease_until is null`,
      [TELL_CERTIFICATE],
    );
  }
}
