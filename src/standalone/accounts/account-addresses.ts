import { Injectable } from '@nestjs/common';
import { FederatedAddress, StateConflict, Transactions, ValidationFailed } from '../../index.js';
import { StandaloneOptions } from '../standalone-options.js';

/** Any number that nobody else locks: the letters "enteAddr" read as a 64-bit integer. */
const ADDRESS_LOCK = '7308613708904522866';

/** Every address (username or e-mail) belongs to one account at most. */
@Injectable()
export class AccountAddresses {
  constructor(
    private readonly transactions: Transactions,
    private readonly options: StandaloneOptions,
  ) {}

  /** @throws ValidationFailed `username`/`INVALID`, or `username`/`DOMAIN_NOT_OURS` */
  parseUsername(text: string): string {
    const address = FederatedAddress.tryParse(text);
    if (!address) throw ValidationFailed.of('username', 'INVALID');
    if (!this.options.domains.includes(address.domain)) throw ValidationFailed.of('username', 'DOMAIN_NOT_OURS');
    return address.toString();
  }

  /** The addresses with their domains in lower case. @throws ValidationFailed `emails[n]`/`INVALID` */
  parseEmails(texts: readonly string[]): string[] {
    const addresses = texts.map((text) => FederatedAddress.tryParse(text)?.toString());
    const bad = addresses.flatMap((address, at) => (address ? [] : [{ name: `emails[${at}]`, message: 'INVALID' }]));
    if (bad.length > 0) throw new ValidationFailed(bad);
    return [...new Set(addresses.filter((address) => address !== undefined))];
  }

  /** Until the running transaction ends nobody else gives an address to an account. */
  async hold(): Promise<void> {
    await this.transactions.query('select pg_advisory_xact_lock($1)', [ADDRESS_LOCK]);
  }

  /**
   * Makes sure that no other account has one of these addresses. Whoever gives them away holds the addresses.
   * @throws StateConflict
   */
  async check(accountId: string, addresses: readonly string[]): Promise<void> {
    const taken = await this.transactions.query<{ address: string }>(
      `select username as address from federation.account where username = any($1) and id <> $2
       union all
       select email from federation.account_email where email = any($1) and account_id <> $2`,
      [addresses, accountId],
    );
    if (taken.length > 0) throw new StateConflict(`an address belongs to another account: ${taken[0]?.address}`);
  }

  async setEmails(accountId: string, emails: readonly string[]): Promise<void> {
    await this.transactions.query('delete from federation.account_email where account_id = $1', [accountId]);
    await this.transactions.query(
      'insert into federation.account_email (email, account_id) select unnest($1::text[]), $2',
      [emails, accountId],
    );
  }
}
