import type { Account } from './account-directory.js';

/** The host's file platform, as far as sharing needs it. Resource ids are opaque to us. */
export abstract class ResourceProvider {
  /** Whether the resource exists and this owner may share it; false for any other text. */
  abstract mayShare(owner: Account, resourceId: string): Promise<boolean>;
}
