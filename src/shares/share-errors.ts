import { FederationError } from '../kernel/federation-error.js';

/** The same share was offered before, with other content. */
export class ShareConflict extends FederationError {
  constructor() {
    super('conflict', 'SHARE_CONFLICT');
  }
}

/** The share was withdrawn by its owner. */
export class ShareWithdrawn extends FederationError {
  constructor() {
    super('conflict', 'SHARE_WITHDRAWN');
  }
}

/** The peer does not speak for the owner's domain. */
export class OwnerDomainMismatch extends FederationError {
  constructor(owner: string, origin: string) {
    super('forbidden', 'OWNER_DOMAIN_MISMATCH', { internal: `${origin} does not speak for ${owner}` });
  }
}

/** The message may only come from the other side of the share. */
export class WrongSide extends FederationError {
  constructor() {
    super('forbidden', 'NOT_ALLOWED', { internal: 'from the wrong side of the share' });
  }
}

/** Our operator has suspended the cloud that the share came from: nobody here is let near it. */
export class ProviderSuspended extends FederationError {
  constructor() {
    super('conflict', 'SUSPENDED');
  }
}

/** Accepted here, but the provider has not heard of it yet. */
export class NotYetConfirmed extends FederationError {
  constructor() {
    super('conflict', 'NOT_YET_CONFIRMED', { retryAfter: 5 });
  }
}
