import { type Account, AccountDirectory, FederatedAddress, randomId } from '../index.js';

/** Accounts in a map. */
export class InMemoryAccountDirectory extends AccountDirectory {
  private readonly accounts = new Map<string, { readonly account: Account; readonly emails: readonly string[] }>();

  override async find(idOrAddress: string): Promise<Account | undefined> {
    const address = FederatedAddress.tryParse(idOrAddress)?.toString();
    const all = [...this.accounts.values()];
    const found =
      this.accounts.get(idOrAddress) ??
      all.find(({ account }) => account.username.toString() === address) ??
      all.find(({ emails }) => address !== undefined && emails.includes(address));
    return found?.account;
  }

  /** @throws TypeError if the username, `name@domain`, is no address */
  add(username: string, more: { readonly displayName?: string; readonly emails?: readonly string[] } = {}): Account {
    const { displayName = username, emails = [] } = more;
    const account = { id: randomId(), username: FederatedAddress.parse(username), displayName };
    const addresses = emails.map((email) => FederatedAddress.parse(email).toString());
    this.accounts.set(account.id, { account, emails: addresses });
    return account;
  }

  remove(id: string): void {
    this.accounts.delete(id);
  }
}
