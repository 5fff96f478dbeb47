import type { FederatedAddress } from '../kernel/federated-address.js';

/** An account whose home is this cloud. */
export interface Account {
  /** Stable for the account's life and never given to another: survives a change of username. */
  readonly id: string;
  /** `name@one-of-our-domains`: how other clouds know the account. */
  readonly username: FederatedAddress;
  readonly displayName: string;
}

/** The host's accounts. Only accounts whose home is here; never shadow accounts of people from other clouds. */
export abstract class AccountDirectory {
  /**
   * Exact match, case included: account id, then username, then any of its e-mail addresses. Undefined for everybody else
   * and for any other text, however odd; it comes from other clouds. A failure means that nobody can say now.
   */
  abstract find(idOrAddress: string): Promise<Account | undefined>;
}
