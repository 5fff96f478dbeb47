import { Injectable } from '@nestjs/common';
import { type Account, AccountDirectory } from '../../host/account-directory.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import type { Recipient } from '../../ocm/recipient.js';

/** The account of ours that an offer is for. A name without a domain is an account id, or a username at any of our domains. */
@Injectable()
export class FindRecipient {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly cloud: OwnCloud,
  ) {}

  /** @throws ValidationFailed `shareWith`/`NOT_FOUND` */
  async execute(recipient: Recipient): Promise<Account> {
    for (const name of this.namesOf(recipient)) {
      const account = await this.accounts.find(name);
      if (account) return account;
    }
    throw ValidationFailed.of('shareWith', 'NOT_FOUND');
  }

  private namesOf(recipient: Recipient): string[] {
    if (recipient.kind === 'address') return [recipient.address.toString()];
    return [recipient.name, ...this.cloud.domains.map((domain) => `${recipient.name}@${domain}`)];
  }
}
