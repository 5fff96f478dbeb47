import { Injectable } from '@nestjs/common';
import { Alerts } from '../audit/alerts.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { Transactions } from '../persistence/transactions.js';
import { CallerNotTrusted } from './trust-errors.js';
import type { Refusal } from './verdict.js';

/** Notes why a caller is turned away, where our operator sees it; the caller gets what every stranger gets. */
@Injectable()
export class RefuseCaller {
  constructor(
    private readonly transactions: Transactions,
    private readonly refusals: RefusalCounter,
    private readonly audit: AuditTrail,
    private readonly alerts: Alerts,
  ) {}

  /** @returns what to throw */
  async execute(reason: Refusal, address: string): Promise<CallerNotTrusted> {
    if (reason === 'proxy-spoof') await this.noteSpoof(address);
    else this.refusals.count(reason, address);
    return new CallerNotTrusted(reason);
  }

  /** Whoever reaches our listener beside the proxy is on this machine: told once an hour, beside the count. */
  private async noteSpoof(address: string): Promise<void> {
    if (!this.refusals.isNews('proxy-spoof', address)) return;
    const event = { action: 'proxy.spoof', object: `address:${address}`, outcome: 'refused' } as const;
    await this.transactions.run(async () => {
      await this.audit.record(event);
      await this.alerts.raise({
        kind: 'proxy-spoof',
        subject: 'listener:proxy',
        level: 'critical',
        details: { address },
      });
    });
  }
}
