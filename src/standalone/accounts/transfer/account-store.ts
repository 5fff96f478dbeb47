import { Injectable } from '@nestjs/common';
import { randomId, Transactions } from '../../../index.js';
import { AccountLedger, type HeldAccount, type WantedAccount } from './account-ledger.js';

const HELD = `
  select a.id, a.username, a.display_name as "displayName", a.password_hash as "passwordHash",
    array(select email from federation.account_email where account_id = a.id order by email) as emails
  from federation.account a where a.username = any($1) order by a.id for update of a`;

const OWNERS = `
  select username as address, id from federation.account where username = any($1)
  union all select email, account_id from federation.account_email where email = any($1)`;

const ROWS = `jsonb_to_recordset($1::jsonb) as r (id text, username text, "displayName" text, "passwordHash" text)`;

/** Many accounts a statement. Runs in the caller's transaction, which holds the addresses. */
@Injectable()
export class AccountStore {
  constructor(private readonly transactions: Transactions) {}

  /** The accounts that are wanted, held as they are, and whose their addresses are. */
  async open(wanted: readonly WantedAccount[]): Promise<AccountLedger> {
    const held = await this.transactions.query<HeldAccount>(HELD, [wanted.map(({ username }) => username)]);
    const addresses = wanted.flatMap(({ username, emails = [] }) => [username, ...emails]);
    const owners = await this.transactions.query<{ address: string; id: string }>(OWNERS, [addresses]);
    const own = held.flatMap(({ id, emails }) => emails.map((address) => ({ address, id })));
    return new AccountLedger(held, new Map([...own, ...owners].map(({ address, id }) => [address, id])), randomId);
  }

  async write({ created, changed }: AccountLedger): Promise<void> {
    if (created.length + changed.length === 0) return;
    await this.transactions.query(
      `insert into federation.account (id, username, display_name, password_hash)
       select id, username, "displayName", "passwordHash" from ${ROWS}`,
      [JSON.stringify(created)],
    );
    await this.transactions.query(
      `update federation.account a set display_name = r."displayName", password_hash = r."passwordHash"
       from ${ROWS} where a.id = r.id`,
      [JSON.stringify(changed)],
    );
    await this.transactions.query('delete from federation.account_email where account_id = any($1)', [
      changed.map(({ id }) => id),
    ]);
    const emails = [...created, ...changed].flatMap(({ id, emails }) => emails.map((email) => ({ id, email })));
    await this.transactions.query(
      'insert into federation.account_email (email, account_id) select * from unnest($1::text[], $2::text[])',
      [emails.map(({ email }) => email), emails.map(({ id }) => id)],
    );
  }
}
