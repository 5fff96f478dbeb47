import { Injectable } from '@nestjs/common';
import { AuditTrail, randomId, Transactions } from '../../index.js';
import type { AccountDto, CreateAccountDto } from './account.dto.js';
import { AccountRecord } from './account.entity.js';
import { AccountAddresses } from './account-addresses.js';
import { hashPassword } from './passwords.js';
import { ReadAccount } from './read-account.js';

/** Adds an account to the table. A username or e-mail that another account has is a conflict of state. */
@Injectable()
export class CreateAccount {
  constructor(
    private readonly transactions: Transactions,
    private readonly addresses: AccountAddresses,
    private readonly readAccount: ReadAccount,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws ValidationFailed | StateConflict */
  async execute(wanted: CreateAccountDto): Promise<AccountDto> {
    const id = randomId();
    const username = this.addresses.parseUsername(wanted.username);
    const emails = this.addresses.parseEmails(wanted.emails ?? []);
    const passwordHash = wanted.password === undefined ? null : await hashPassword(wanted.password);
    return this.transactions.run(async () => {
      await this.addresses.claim(id, [username, ...emails]);
      await this.transactions
        .repository(AccountRecord)
        .insert({ id, username, displayName: wanted.displayName, passwordHash });
      await this.addresses.setEmails(id, emails);
      await this.audit.record({ action: 'account.created', object: `account:${id}` });
      return this.readAccount.execute(id);
    });
  }
}
