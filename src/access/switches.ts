import { OwnCloud } from '../host/own-cloud.js';
import { FederationError } from '../kernel/federation-error.js';

/** What an operator can switch off as a whole. */
export type Switch = 'federation' | 'sharing' | 'login';

/** The capability is switched off here. */
class CapabilityOff extends FederationError {
  constructor() {
    super('not-offered', 'NOT_ENABLED');
  }
}

/**
 * For whatever begins or changes something; reading, and ending what there is, stay open. Without federation there is no
 * sharing either. @throws FederationError `NOT_ENABLED`
 */
export function checkSwitch({ switches }: OwnCloud, needed: Switch): void {
  if (!switches.federation || !switches[needed]) throw new CapabilityOff();
}
