import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import { RejectService } from './reject-service.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife, relationshipCode } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';

/**
 * Our operator ends it, whatever it is by now: a request of ours is cancelled, one of theirs rejected, trust revoked. True
 * here at commit; the other side is told as long as it takes. Ending twice changes nothing. @throws NotFound
 */
@Injectable()
export class EndService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly rejectService: RejectService,
    private readonly answerRequest: AnswerRequest,
    private readonly outbox: Outbox,
    private readonly cloud: OwnCloud,
  ) {}

  execute(id: string): Promise<void> {
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      if (!(await this.relationships.find(id))) await this.rejectService.execute(id);
      else await this.end(await this.relationships.lock(id));
    });
  }

  private async end(relationship: RelationshipRow): Promise<void> {
    switch (relationship.state) {
      case 'REQUESTED':
        return this.cancel(relationship);
      case 'CONFIRMING':
        return this.endUntrusted(relationship);
      case 'TRUSTED':
      case 'SUSPENDED':
        await this.life.end(relationship, 'REVOKED', 'REVOKED_BY_US');
        return this.notify(relationship);
      case 'REVOKED':
      case 'REJECTED':
        return;
    }
  }

  private async cancel(relationship: RelationshipRow): Promise<void> {
    const { codeSealed } = relationship;
    await this.endUntrusted(relationship);
    if (codeSealed === null) return;
    await this.outbox.enqueue({
      kind: 'trust-cancellation',
      peer: relationship.id,
      orderingKey: `trust:${relationship.id}`,
      meaning: {},
      secret: this.cloud.sealKey.open(codeSealed, relationshipCode(relationship.id)),
    });
  }

  /** A confirmation of ours may have arrived although its answer was lost: then the other side trusts us by now. */
  private async endUntrusted(relationship: RelationshipRow): Promise<void> {
    const confirmed = await this.requests.lockConfirming(relationship.id);
    await this.life.end(relationship, 'REVOKED', 'CANCELLED');
    for (const request of confirmed) await this.answerRequest.retract(request, relationship.id);
  }

  private async notify(relationship: RelationshipRow): Promise<void> {
    await this.outbox.enqueue({
      kind: 'trust-revocation',
      peer: relationship.id,
      orderingKey: `trust:${relationship.id}`,
      meaning: { reference: relationship.peerReference ?? relationship.ownReference },
      horizon: HORIZON.withdrawal,
    });
  }
}
