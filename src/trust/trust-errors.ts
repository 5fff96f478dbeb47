import { FederationError } from '../kernel/federation-error.js';

/** The caller is no trusted service. Why is for the log and the audit trail alone; outside, every reason is the same. */
export class CallerNotTrusted extends FederationError {
  constructor(readonly reason: string) {
    super('unauthenticated', 'CLIENT_NOT_AUTHENTICATED', { internal: reason });
  }
}

/** Trusted, but our operator has suspended it: it may leave, and nothing else. */
export class PeerSuspended extends FederationError {
  constructor() {
    super('forbidden', 'SUSPENDED');
  }
}

/** Trusted, but our operator does not want this of it. */
export class CapabilityRefused extends FederationError {
  constructor(capability: string) {
    super('forbidden', 'NOT_ALLOWED', { internal: `its policy turns ${capability} off` });
  }
}

/** More than is taken from one cloud, or of requests for trust from all strangers: nobody needs to be known to make one. */
export class TooManyRequests extends FederationError {
  constructor(retryAfter: number) {
    super('too-many', 'TOO_MANY_REQUESTS', { retryAfter });
  }
}
