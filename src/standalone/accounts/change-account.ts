import { Injectable } from '@nestjs/common';
import { AuditTrail, Transactions } from '../../index.js';
import type { AccountDto, ChangeAccountDto } from './account.dto.js';
import { AccountRecord } from './account.entity.js';
import { AccountAddresses } from './account-addresses.js';
import { HoldAccount } from './hold-account.js';
import { hashPassword } from './passwords.js';
import { ReadAccount } from './read-account.js';

/** Changes what is given of an account; its id stays, and so do the shares that were made under an earlier username. */
@Injectable()
export class ChangeAccount {
  constructor(
    private readonly transactions: Transactions,
    private readonly addresses: AccountAddresses,
    private readonly holdAccount: HoldAccount,
    private readonly readAccount: ReadAccount,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound | ValidationFailed | StateConflict */
  async execute(id: string, change: ChangeAccountDto): Promise<AccountDto> {
    const emails = change.emails && this.addresses.parseEmails(change.emails);
    const columns = await this.columns(change);
    return this.transactions.run(async () => {
      if (columns.username !== undefined || emails) await this.addresses.hold();
      await this.holdAccount.execute(id);
      await this.addresses.check(id, [columns.username ?? [], emails ?? []].flat());
      if (emails) await this.addresses.setEmails(id, emails);
      if (Object.keys(columns).length > 0) await this.transactions.repository(AccountRecord).update({ id }, columns);
      await this.audit.record({ action: 'account.changed', object: `account:${id}` });
      return this.readAccount.execute(id);
    });
  }

  private async columns(change: ChangeAccountDto): Promise<Partial<AccountRecord>> {
    const { username, displayName, password } = change;
    return {
      ...(username !== undefined && { username: this.addresses.parseUsername(username) }),
      ...(displayName !== undefined && { displayName }),
      ...(password !== undefined && { passwordHash: password === null ? null : await hashPassword(password) }),
    };
  }
}
