import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { ApproveDomains } from './approve-domains.js';
import { ChangeDetails, type DetailsChange } from './change-details.js';
import { ChangePolicy, type PolicyChange } from './change-policy.js';

export interface ServiceChange extends DetailsChange {
  readonly domains?: readonly string[];
  readonly policy?: PolicyChange;
}

/** Our operator changes what a peer may do: all of it or nothing. @throws ValidationFailed, StateConflict, NotFound */
@Injectable()
export class ChangeService {
  constructor(
    private readonly transactions: Transactions,
    private readonly approveDomains: ApproveDomains,
    private readonly changeDetails: ChangeDetails,
    private readonly changePolicy: ChangePolicy,
  ) {}

  execute(id: string, { domains, policy, ...details }: ServiceChange): Promise<void> {
    return this.transactions.run(async () => {
      if (domains) await this.approveDomains.execute(id, domains);
      if (Object.values(details).some((value) => value !== undefined)) await this.changeDetails.execute(id, details);
      if (policy) await this.changePolicy.execute(id, policy);
    });
  }
}
