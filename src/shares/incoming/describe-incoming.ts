import { Injectable } from '@nestjs/common';
import { AccountDirectory } from '../../host/account-directory.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { type Page, parseCursor, parseLimit, readPage } from '../../persistence/keyset.js';
import { Transactions } from '../../persistence/transactions.js';
import { IN_STATE, ShareClock, stateAt } from '../share-state.js';
import type { IncomingShareDto } from './incoming.dto.js';
import { INCOMING_STATES, IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';

export interface IncomingQuery {
  /** Account id or address. */
  readonly recipient?: unknown;
  readonly state?: unknown;
  readonly cursor?: unknown;
  readonly limit?: unknown;
}

/** What the host sees of incoming shares. */
@Injectable()
export class DescribeIncoming {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: IncomingShares,
    private readonly accounts: AccountDirectory,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound */
  async byId(id: string): Promise<IncomingShareDto> {
    return this.one(await this.shares.get(id));
  }

  /** Newest first. @throws ValidationFailed */
  async list({ recipient, state, cursor, limit }: IncomingQuery): Promise<Page<IncomingShareDto>> {
    const query = this.transactions.repository(IncomingShareRow).createQueryBuilder('share');
    if (recipient !== undefined) {
      const account = typeof recipient === 'string' ? await this.accounts.find(recipient) : undefined;
      query.andWhere('share.recipient_account = :recipient', { recipient: account?.id ?? '' });
    }
    if (state !== undefined) {
      if (!INCOMING_STATES.some((known) => known === state)) throw ValidationFailed.of('state', 'INVALID');
      query.andWhere(IN_STATE, { state, now: await this.clock.present() });
    }
    const page = await readPage(query, parseCursor(cursor), parseLimit(limit));
    const now = await this.clock.now(...page.items);
    return { items: page.items.map((row) => describeAt(row, now)), next: page.next };
  }

  async one(row: IncomingShareRow): Promise<IncomingShareDto> {
    return describeAt(row, await this.clock.now(row));
  }
}

function describeAt(row: IncomingShareRow, now: Date): IncomingShareDto {
  const { id, shareId, owner, shareWith, name, description, permission, reason, confirmed } = row;
  return {
    id,
    shareId,
    owner,
    shareWith,
    recipient: row.recipientAccount,
    name,
    description,
    permission,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    state: stateAt(row, now),
    reason,
    confirmed,
    protocols: row.protocolNames,
    createdAt: row.createdAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
  };
}
