import { Injectable } from '@nestjs/common';
import { AuditTrail, HostCalls, randomId, Transactions } from '../../index.js';
import type { AccountDto, CreateAccountDto } from './account.dto.js';
import { AccountRecord } from './account.entity.js';
import { AccountAddresses } from './account-addresses.js';
import { hashPassword } from './passwords.js';
import { ReadAccount } from './read-account.js';

/** Adds an account to the table. A username or e-mail that another account has is a conflict of state. */
@Injectable()
export class CreateAccount {
  constructor(
    private readonly calls: HostCalls,
    private readonly transactions: Transactions,
    private readonly addresses: AccountAddresses,
    private readonly readAccount: ReadAccount,
    private readonly audit: AuditTrail,
  ) {}

  /** @param key the caller's `Idempotency-Key`: a repeat gives the same account. @throws ValidationFailed | StateConflict */
  async execute(wanted: CreateAccountDto, key?: string): Promise<AccountDto> {
    const username = this.addresses.parseUsername(wanted.username);
    const emails = this.addresses.parseEmails(wanted.emails ?? []);
    const { displayName, password } = wanted;
    return this.calls.once(
      { act: 'accounts.create', key, meaning: wanted },
      (passwordHash) => this.record({ id: randomId(), username, displayName, passwordHash }, emails),
      async () => (password === undefined ? null : hashPassword(password)),
    );
  }

  private async record(account: Omit<AccountRecord, 'createdAt'>, emails: readonly string[]): Promise<AccountDto> {
    const { id, username } = account;
    await this.addresses.hold();
    await this.addresses.check(id, [username, ...emails]);
    await this.transactions.repository(AccountRecord).insert(account);
    await this.addresses.setEmails(id, emails);
    await this.audit.record({ action: 'account.created', object: `account:${id}` });
    return this.readAccount.execute(id);
  }
}
