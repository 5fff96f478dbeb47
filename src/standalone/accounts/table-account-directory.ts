import { Injectable } from '@nestjs/common';
import { type Account, AccountDirectory, FederatedAddress, Transactions } from '../../index.js';

interface Row {
  readonly id: string;
  readonly username: string;
  readonly display_name: string;
}

const FIND = {
  name: 'accounts-find',
  text: `
  with found (id, rank) as (
    select id, 1 from federation.account where id = $1
    union all select id, 2 from federation.account where username = $2
    union all select account_id, 3 from federation.account_email where email = $2)
  select account.id, account.username, account.display_name
  from found join federation.account account on account.id = found.id
  order by found.rank limit 1`,
};

/** Accounts in a table of our own, managed over the host API. */
@Injectable()
export class TableAccountDirectory extends AccountDirectory {
  constructor(private readonly transactions: Transactions) {
    super();
  }

  override async find(idOrAddress: string): Promise<Account | undefined> {
    // The same query for whatever is asked: a miss takes as long as a hit.
    const address = FederatedAddress.tryParse(idOrAddress)?.toString() ?? null;
    const [row] = await this.transactions.prepared<Row>(FIND, [idOrAddress.replaceAll('\0', '\ufffd'), address]);
    return row && { id: row.id, username: FederatedAddress.parse(row.username), displayName: row.display_name };
  }
}
