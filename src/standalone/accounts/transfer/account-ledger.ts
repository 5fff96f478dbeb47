/** An account as the tables hold it, or will. */
export interface HeldAccount {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly emails: readonly string[];
  readonly passwordHash: string | null;
}

/** What a line asks for; what it does not say stays as it is. */
export interface WantedAccount {
  readonly username: string;
  readonly displayName: string;
  readonly emails?: readonly string[];
  readonly passwordHash?: string;
}

export type Outcome = { readonly kind: 'created' | 'changed' | 'unchanged' } | TakenAddresses;
interface TakenAddresses {
  readonly kind: 'taken';
  /** Which: `username`, `emails[0]`. */
  readonly fields: { readonly name: string; readonly message: 'TAKEN' }[];
}

/**
 * The accounts that some lines are about, and whose their addresses are. Lines are applied one after the other, here;
 * what comes of all of them is written at once. Knows no database.
 */
export class AccountLedger {
  private readonly accounts: Map<string, HeldAccount>;
  private readonly owners: Map<string, string>;
  private readonly added = new Set<string>();
  private readonly touched = new Set<string>();

  /**
   * @param accounts those whose usernames the lines name
   * @param owners for each address of the lines, and each e-mail address of those accounts, the id of the account that has it
   */
  constructor(
    accounts: readonly HeldAccount[],
    owners: ReadonlyMap<string, string>,
    private readonly newId: () => string,
  ) {
    this.accounts = new Map(accounts.map((account) => [account.username, account]));
    this.owners = new Map(owners);
  }

  apply(wanted: WantedAccount): Outcome {
    const known = this.accounts.get(wanted.username);
    const before = known ?? { id: this.newId(), emails: [], passwordHash: null };
    const fields = this.takenBy(before.id, wanted);
    if (fields.length > 0) return { kind: 'taken', fields };
    const after = { ...before, ...given(wanted) };
    if (known && isSame(known, after)) return { kind: 'unchanged' };
    for (const email of before.emails) if (email !== after.username) this.owners.delete(email);
    for (const address of [after.username, ...after.emails]) this.owners.set(address, after.id);
    this.accounts.set(after.username, after);
    if (!known) this.added.add(after.username);
    else if (!this.added.has(after.username)) this.touched.add(after.username);
    return { kind: known ? 'changed' : 'created' };
  }

  get created(): HeldAccount[] {
    return [...this.accounts.values()].filter(({ username }) => this.added.has(username));
  }

  get changed(): HeldAccount[] {
    return [...this.accounts.values()].filter(({ username }) => this.touched.has(username));
  }

  private takenBy(id: string, { username, emails = [] }: WantedAccount): TakenAddresses['fields'] {
    const message = 'TAKEN';
    const isTaken = (address: string) => (this.owners.get(address) ?? id) !== id;
    return [
      ...(isTaken(username) ? [{ name: 'username', message } as const] : []),
      ...emails.flatMap((email, at) => (isTaken(email) ? [{ name: `emails[${at}]`, message } as const] : [])),
    ];
  }
}

function given({ username, displayName, emails, passwordHash }: WantedAccount) {
  return { username, displayName, ...(emails && { emails }), ...(passwordHash !== undefined && { passwordHash }) };
}

function isSame(before: HeldAccount, after: HeldAccount): boolean {
  const [old, present] = [new Set(before.emails), new Set(after.emails)];
  const sameEmails = old.size === present.size && before.emails.every((email) => present.has(email));
  return sameEmails && before.displayName === after.displayName && before.passwordHash === after.passwordHash;
}
