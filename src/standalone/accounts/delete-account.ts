import { Injectable } from '@nestjs/common';
import { AuditTrail, ForgetAccount, Transactions } from '../../index.js';
import { AccountRecord } from './account.entity.js';
import { HoldAccount } from './hold-account.js';

/** Removes an account: its outgoing shares are withdrawn and its incoming ones left, in the same transaction. */
@Injectable()
export class DeleteAccount {
  constructor(
    private readonly transactions: Transactions,
    private readonly holdAccount: HoldAccount,
    private readonly forgetAccount: ForgetAccount,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound */
  async execute(id: string): Promise<void> {
    await this.transactions.run(async () => {
      await this.holdAccount.execute(id);
      await this.transactions.repository(AccountRecord).delete({ id });
      await this.forgetAccount.execute(id);
      await this.audit.record({ action: 'account.deleted', object: `account:${id}` });
    });
  }
}
