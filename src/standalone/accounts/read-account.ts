import { Injectable } from '@nestjs/common';
import { NotFound, Transactions } from '../../index.js';
import type { AccountDto } from './account.dto.js';
import { AccountRecord } from './account.entity.js';
import { AccountViews } from './account-views.js';

/** One account by its id. */
@Injectable()
export class ReadAccount {
  constructor(
    private readonly transactions: Transactions,
    private readonly views: AccountViews,
  ) {}

  /** @throws NotFound */
  async execute(id: string): Promise<AccountDto> {
    const record = id.includes('\0') ? null : await this.transactions.repository(AccountRecord).findOneBy({ id });
    if (!record) throw new NotFound(`account ${id}`);
    const [view] = await this.views.of([record]);
    if (!view) throw new NotFound(`account ${id}`);
    return view;
  }
}
