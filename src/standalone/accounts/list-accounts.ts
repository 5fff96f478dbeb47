import { Injectable } from '@nestjs/common';
import { parseCursor, parseLimit, readPage, Transactions } from '../../index.js';
import type { AccountPageDto } from './account.dto.js';
import { AccountRecord } from './account.entity.js';
import { AccountViews } from './account-views.js';

/** All accounts, newest first, a page at a time. */
@Injectable()
export class ListAccounts {
  constructor(
    private readonly transactions: Transactions,
    private readonly views: AccountViews,
  ) {}

  /** @throws ValidationFailed `cursor`/`INVALID`, `limit`/`INVALID` */
  async execute(cursor?: unknown, limit?: unknown): Promise<AccountPageDto> {
    const query = this.transactions.repository(AccountRecord).createQueryBuilder('account');
    const page = await readPage(query, parseCursor(cursor), parseLimit(limit));
    return { items: await this.views.of(page.items), next: page.next };
  }
}
