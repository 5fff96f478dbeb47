import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Origin } from '../kernel/origin.js';
import { Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import type { TrustCancellationDto } from './handshake.dto.js';
import type { Stranger } from './peer-request.js';
import { TrustRequestRow } from './relationship.entity.js';
import { TrustRequests } from './trust-requests.js';

/** A cloud takes back its request, if it still waits here and the same key made it. Says nothing of whether it did. */
@Injectable()
export class ReceiveCancellation {
  constructor(
    private readonly transactions: Transactions,
    private readonly requests: TrustRequests,
    private readonly audit: AuditTrail,
  ) {}

  async execute(stranger: Stranger, body: TrustCancellationDto): Promise<void> {
    const origin = Origin.tryParse(body.origin);
    if (origin?.host !== stranger.host) return;
    const where = { origin: origin.toString(), pin: stranger.certificate.pin, state: 'pending' } as const;
    const requests = this.transactions.repository(TrustRequestRow);
    // Judged once without the lock that all handshakes share, and again under it.
    if (!isMeant(await requests.findOneBy(where), body)) return;
    await this.transactions.run(async () => {
      await this.requests.holdAll();
      const request = await this.transactions.repository(TrustRequestRow).findOneBy(where);
      if (!request || !isMeant(request, body)) return;
      const isAgain = request.outcome === 'cancelled';
      await this.requests.update(request, { state: 'ended', outcome: 'cancelled' });
      if (isAgain) return;
      await this.audit.record({
        action: 'trust.request-cancelled',
        object: `trust-request:${request.id}`,
        peer: request.origin,
      });
    });
  }
}

function isMeant(request: TrustRequestRow | null, { code }: TrustCancellationDto): boolean {
  return request !== null && new Secret(code).matches(request.codeHash);
}
