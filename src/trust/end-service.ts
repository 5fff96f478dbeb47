import { Injectable } from '@nestjs/common';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import { OwnRequest } from './own-request.js';
import { RejectService } from './reject-service.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';
import { isTrustedByHand } from './trusted-by-hand.js';

/**
 * Our operator ends it, whatever it is by now: a request of ours is cancelled, one of theirs rejected, trust revoked. True
 * here at commit; the other side is told as long as it takes, unless it knows no handshake: it would not understand.
 * Ending twice changes nothing. @throws NotFound
 */
@Injectable()
export class EndService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly rejectService: RejectService,
    private readonly answerRequest: AnswerRequest,
    private readonly outbox: Outbox,
    private readonly ownRequest: OwnRequest,
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
        return this.answerRequest.abandon(relationship, 'REVOKED', 'CANCELLED');
      case 'TRUSTED':
      case 'SUSPENDED':
        await this.answerRequest.abandon(relationship, 'REVOKED', 'REVOKED_BY_US');
        if (!isTrustedByHand(relationship)) await this.notify(relationship);
        return;
      case 'REVOKED':
      case 'REJECTED':
        return;
    }
  }

  private async cancel(relationship: RelationshipRow): Promise<void> {
    const code = this.ownRequest.codeOf(relationship);
    await this.answerRequest.abandon(relationship, 'REVOKED', 'CANCELLED');
    await this.ownRequest.takeBack(relationship.id, code);
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
