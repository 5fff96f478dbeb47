import { Global, Module } from '@nestjs/common';
import { Alerts } from './alerts.js';
import { HeadProof } from './audit-head.js';
import { AuditSealer } from './audit-sealer.js';
import { AuditTrail } from './audit-trail.js';
import { ListRefusals } from './list-refusals.js';
import { RefusalCounter } from './refusal-counter.js';
import { SearchEntries } from './search-entries.js';
import { VerifyChain } from './verify-chain.js';

/** The trail of what was done here. Needs the persistence module beside it. */
@Global()
@Module({
  providers: [AuditTrail, Alerts, AuditSealer, HeadProof, VerifyChain, SearchEntries, RefusalCounter, ListRefusals],
  exports: [AuditTrail, Alerts, AuditSealer, VerifyChain, SearchEntries, RefusalCounter, ListRefusals],
})
export class AuditModule {}
