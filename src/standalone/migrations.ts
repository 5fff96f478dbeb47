import { Accounts1795000000300 } from './accounts/1795000000300-accounts.js';

/** Tables of the standalone server's own adapters, in the order of their timestamps. */
export const STANDALONE_MIGRATIONS = [Accounts1795000000300];
