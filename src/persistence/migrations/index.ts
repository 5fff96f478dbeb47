import { Foundation1795000000100 } from './1795000000100-foundation.js';
import { Audit1795000000200 } from './1795000000200-audit.js';
import { Sharing1795100000100 } from './1795100000100-sharing.js';
import { Receiving1795100000200 } from './1795100000200-receiving.js';
import { ForgottenAccounts1795100000310 } from './1795100000310-forgotten-accounts.js';
import { Alerts1795200000050 } from './1795200000050-alerts.js';
import { Life1795200000100 } from './1795200000100-life.js';
import { Network1795200000200 } from './1795200000200-network.js';
import { Rotation1795200000300 } from './1795200000300-rotation.js';
import { CertificateWatch1795200000500 } from './1795200000500-certificate-watch.js';

/** In the order of their timestamps. Expand first; contract a release later. */
export const MIGRATIONS = [
  Foundation1795000000100,
  Audit1795000000200,
  Sharing1795100000100,
  Receiving1795100000200,
  ForgottenAccounts1795100000310,
  Alerts1795200000050,
  Life1795200000100,
  Network1795200000200,
  Rotation1795200000300,
  CertificateWatch1795200000500,
];
