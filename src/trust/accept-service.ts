import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest, checkFingerprint } from './answer-request.js';
import { ApproveDomains } from './approve-domains.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';
import { TrustRequests } from './trust-requests.js';

/** Our operator accepts a request for trust. @throws StateConflict, ValidationFailed `fingerprint`, NotFound */
@Injectable()
export class AcceptService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly approveDomains: ApproveDomains,
    private readonly cloud: OwnCloud,
  ) {}

  execute(id: string, fingerprint?: string): Promise<RelationshipRow> {
    checkSwitch(this.cloud, 'federation');
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      const answered = await this.relationships.find(id);
      if (answered) follow('accepted', answered.state);
      const request = await this.requests.lock(id);
      if (request.state !== 'pending') throw new StateConflict('it was answered already');
      checkFingerprint(fingerprint, request.pin, this.cloud);
      if (await this.answerRequest.isPinTaken(request.pin)) throw new StateConflict('its key is another peer’s');
      const relationship = await this.relationshipFor(request);
      await this.answerRequest.confirm(request, relationship);
      return relationship;
    });
  }

  /** If we have asked that cloud too, this answers within the same relationship. */
  private async relationshipFor(request: TrustRequestRow): Promise<RelationshipRow> {
    const origin = Origin.parse(request.origin);
    const live = await this.relationships.lockLive(origin);
    if (!live) {
      await this.approveDomains.checkHost(origin);
      return this.life.answer(request, 'CONFIRMING');
    }
    if (live.expectedFingerprint && live.expectedFingerprint !== request.pin) {
      throw ValidationFailed.of('fingerprint', 'MISMATCH');
    }
    if (live.state === 'REQUESTED') return live;
    throw new StateConflict('this cloud has a relationship already: end it first');
  }
}
