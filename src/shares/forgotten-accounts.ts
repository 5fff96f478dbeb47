import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';

/** Key of a queue before each account: what makes shares of it shares the place, what forgets it has it alone. @param id SQL */
export const ACCOUNT = (id: string): string => `hashtextextended('entente account ' || ${id}, 0)`;

/** Longer than anything that has found an account takes to write about it. */
const REMEMBERED = `interval '1 hour'`;

/**
 * Accounts are found before a transaction begins, for their directory may be another machine. One that is deleted in
 * between would get a share that nobody ends: so its deletion is remembered for a while, and looked up in the transaction.
 */
@Injectable()
export class ForgottenAccounts {
  constructor(private readonly transactions: Transactions) {}

  /**
   * Whether the account, which was found a moment ago, is there still. If so it is not forgotten before the running
   * transaction has ended. Locks: after the relationship, before the share.
   */
  async holdKnown(accountId: string): Promise<boolean> {
    await this.transactions.query(`select pg_advisory_xact_lock_shared(${ACCOUNT('$1')})`, [accountId]);
    // A statement of its own: the one above began before whoever was waited for had committed.
    const forgotten = await this.transactions.query(
      `select from federation.forgotten_account where account_id = $1 and forgotten_at > now() - ${REMEMBERED}`,
      [accountId],
    );
    return forgotten.length === 0;
  }

  /** From here on nothing is made for the account; what was being made is there. In the transaction that deletes it. */
  async add(accountId: string): Promise<void> {
    await this.transactions.query(`select pg_advisory_xact_lock(${ACCOUNT('$1')})`, [accountId]);
    await this.transactions.query(
      `insert into federation.forgotten_account (account_id) values ($1)
       on conflict (account_id) do update set forgotten_at = now()`,
      [accountId],
    );
    await this.transactions.query(
      `delete from federation.forgotten_account where account_id in (
         select account_id from federation.forgotten_account where forgotten_at < now() - ${REMEMBERED}
         order by forgotten_at limit 100 for update skip locked)`,
    );
  }
}
