import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { AccountDirectory } from '../../host/account-directory.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { DeliveryRow } from '../../outbox/delivery.entity.js';
import { HELD } from '../../outbox/holds.js';
import { type Page, parseCursor, parseLimit, readPage } from '../../persistence/keyset.js';
import { Transactions } from '../../persistence/transactions.js';
import { IN_STATE, ShareClock, stateAt } from '../share-state.js';
import type { OutgoingShareDto } from './outgoing.dto.js';
import { OUTGOING_STATES, OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';

export interface OutgoingQuery {
  /** Account id or address. */
  readonly owner?: unknown;
  readonly state?: unknown;
  readonly cursor?: unknown;
  readonly limit?: unknown;
}

/** What the host sees of outgoing shares. */
@Injectable()
export class DescribeOutgoing {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: OutgoingShares,
    private readonly accounts: AccountDirectory,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound */
  async byId(id: string): Promise<OutgoingShareDto> {
    return this.one(await this.shares.get(id));
  }

  async one(row: OutgoingShareRow): Promise<OutgoingShareDto> {
    const [described] = await this.describe([row]);
    if (!described) throw new TypeError('one row has one description');
    return described;
  }

  /** Newest first. @throws ValidationFailed */
  async list({ owner, state, cursor, limit }: OutgoingQuery): Promise<Page<OutgoingShareDto>> {
    const query = this.transactions.repository(OutgoingShareRow).createQueryBuilder('share');
    if (owner !== undefined) {
      const account = typeof owner === 'string' ? await this.accounts.find(owner) : undefined;
      query.andWhere('share.owner_account = :owner', { owner: account?.id ?? '' });
    }
    if (state !== undefined) {
      if (!OUTGOING_STATES.some((known) => known === state)) throw ValidationFailed.of('state', 'INVALID');
      query.andWhere(IN_STATE, { state, now: await this.clock.present() });
    }
    const page = await readPage(query, parseCursor(cursor), parseLimit(limit));
    return { items: await this.describe(page.items), next: page.next };
  }

  private async describe(rows: readonly OutgoingShareRow[]): Promise<OutgoingShareDto[]> {
    const ids = rows.flatMap(({ deliveryId }) => deliveryId ?? []);
    const deliveries = await this.transactions.repository(DeliveryRow).findBy({ id: In(ids) });
    const byId = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
    const now = await this.clock.now(...rows);
    return rows.map((row) => describeAt(row, byId.get(row.deliveryId ?? ''), now));
  }
}

function describeAt(row: OutgoingShareRow, delivery: DeliveryRow | undefined, now: Date): OutgoingShareDto {
  const { id, shareId, owner, shareWith, name, description, resourceId, permission, reason } = row;
  return {
    id,
    shareId,
    owner,
    shareWith,
    name,
    description,
    resourceId,
    permission,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    state: stateAt(row, now),
    reason,
    resentAs: row.resentAs,
    delivery: delivery ? describeDelivery(delivery) : null,
    createdAt: row.createdAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
  };
}

function describeDelivery({ state, attempts, dueAt, reason }: DeliveryRow) {
  const isTried = state === 'waiting' && reason !== HELD;
  return { state, attempts, nextAttempt: isTried ? dueAt.toISOString() : null, reason };
}
