import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { Transactions } from '../../index.js';
import type { AccountDto } from './account.dto.js';
import { AccountEmail, type AccountRecord } from './account.entity.js';

/** Accounts as their host sees them: with their e-mail addresses, without their passwords. */
@Injectable()
export class AccountViews {
  constructor(private readonly transactions: Transactions) {}

  async of(records: readonly AccountRecord[]): Promise<AccountDto[]> {
    const accountId = In(records.map(({ id }) => id));
    const emails = await this.transactions
      .repository(AccountEmail)
      .find({ where: { accountId }, order: { email: 'ASC' } });
    return records.map((record) => ({
      id: record.id,
      username: record.username,
      displayName: record.displayName,
      emails: emails.filter((entry) => entry.accountId === record.id).map(({ email }) => email),
      createdAt: record.createdAt.toISOString(),
    }));
  }
}
