import { Injectable } from '@nestjs/common';
import { StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';
import { TrustRequests } from './trust-requests.js';

/** Our operator rejects a request for trust; the cloud that asked is told. @throws StateConflict, NotFound */
@Injectable()
export class RejectService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly answerRequest: AnswerRequest,
  ) {}

  execute(id: string): Promise<RelationshipRow> {
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      const answered = await this.relationships.find(id);
      if (answered) follow('rejected', answered.state);
      const request = await this.requests.lock(id);
      if (request.state !== 'pending') throw new StateConflict('it was answered already');
      return this.answerRequest.reject(request);
    });
  }
}
