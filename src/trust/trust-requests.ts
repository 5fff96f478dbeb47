import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { NotFound } from '../kernel/federation-error.js';
import type { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import { TrustRequestRow } from './relationship.entity.js';
import { TooManyRequests } from './trust-errors.js';

/** Requests that wait for our operator, at most. */
const PENDING_MAX = { perOrigin: 3, perNetwork: 5, inAll: 100 } as const;
const HOUR = 3_600;
/** Seconds between two codes of one key, while the first is being answered. */
const PACE = 10;

// Those that were taken back count for an hour; afterwards nothing asks for them, and strangers could make them many.
const FORGET = `
  delete from federation.trust_request where (expires_at <= now() and state <> 'confirming')
    or (state = 'ended' and outcome = 'cancelled' and created_at <= now() - interval '1 hour')`;

/** What strangers claim, until our operator has answered. */
@Injectable()
export class TrustRequests {
  constructor(private readonly transactions: Transactions) {}

  find(id: string): Promise<TrustRequestRow | null> {
    return this.transactions.repository(TrustRequestRow).findOneBy({ id });
  }

  /** Whether it is a request that waits for our operator. */
  isWaiting(id: string): Promise<boolean> {
    return this.transactions
      .repository(TrustRequestRow)
      .existsBy({ id, state: 'pending', expiresAt: MoreThan(new Date()) });
  }

  /** @throws NotFound */
  async lock(id: string): Promise<TrustRequestRow> {
    const lock = { mode: 'pessimistic_write' } as const;
    const row = await this.transactions.repository(TrustRequestRow).findOne({ where: { id }, lock });
    if (!row) throw new NotFound();
    return row;
  }

  /** Everyone who asks as this origin and still waits; locked. */
  lockPending(origin: Origin): Promise<TrustRequestRow[]> {
    return this.transactions.repository(TrustRequestRow).find({
      where: { origin: origin.toString(), state: 'pending' },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /** Those that we have accepted within this relationship, without knowing yet what came of it; locked. */
  lockConfirming(relationshipId: string): Promise<TrustRequestRow[]> {
    return this.transactions.repository(TrustRequestRow).find({
      where: { relationshipId, state: 'confirming' },
      lock: { mode: 'pessimistic_write' },
    });
  }

  async update(row: TrustRequestRow, values: Partial<TrustRequestRow>): Promise<void> {
    await this.transactions.repository(TrustRequestRow).update({ id: row.id }, values);
    Object.assign(row, values);
  }

  /** From here to the end of the transaction nobody else takes a step of a handshake: counts stay true, crossings are seen. */
  async holdAll(): Promise<void> {
    await this.transactions.query(`select pg_advisory_xact_lock(hashtext('entente trust requests'))`);
    await this.transactions.query(FORGET);
  }

  /**
   * Those that are being answered count as well, and for an hour those that proved false (while we ask a cloud ourselves,
   * whoever claims to be it makes us call it) or were taken back (or asking and cancelling would have no end).
   * @throws TooManyRequests if one more would be too many; exact only under `holdAll`.
   */
  async checkRoom(origin: Origin, network: string): Promise<void> {
    const [count] = await this.transactions.query<{ origin: string; network: string; all: string }>(
      `select count(*) filter (where origin = $1) as origin, count(*) filter (where network = $2) as network,
         count(*) as all from federation.trust_request
       where (expires_at > now() or state = 'confirming') and (state <> 'ended'
           or (created_at > now() - interval '1 hour' and (outcome = 'cancelled'
             or (outcome = 'CONFIRMATION_REFUSED' and relationship_id <> id))))`,
      [origin.toString(), network],
    );
    const isFull =
      Number(count?.origin) >= PENDING_MAX.perOrigin ||
      Number(count?.network) >= PENDING_MAX.perNetwork ||
      Number(count?.all) >= PENDING_MAX.inAll;
    if (isFull) throw new TooManyRequests(HOUR);
  }

  /** Each new code of a request that is being answered makes us call. @throws TooManyRequests */
  checkPace({ state, createdAt }: TrustRequestRow): void {
    const age = (Date.now() - createdAt.getTime()) / 1_000;
    if (state === 'confirming' && age < PACE) throw new TooManyRequests(Math.ceil(PACE - age));
  }
}
