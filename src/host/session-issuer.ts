import type { Origin } from '../kernel/origin.js';

/** A person of a trusted cloud, as that cloud vouches for them. Identity is `home` and `subject`, never an e-mail. */
export interface ForeignIdentity {
  readonly home: Origin;
  /** OpenID Connect `sub`: stable at the home cloud, and not an address. */
  readonly subject: string;
  readonly username: string;
  readonly displayName: string;
}

/** The host's sessions, as far as federated login needs them. */
export abstract class SessionIssuer {
  /** Opens a session for a person whose home cloud has vouched for them; returns its id, which nobody can guess. */
  abstract open(identity: ForeignIdentity): Promise<string>;

  /** Ends every session of people from that cloud; called inside the transaction that ends the trust. */
  abstract endAllFrom(home: Origin): Promise<void>;
}
