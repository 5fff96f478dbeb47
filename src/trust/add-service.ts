import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import { ApproveDomains } from './approve-domains.js';
import { OwnRequest } from './own-request.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';

export interface NewService {
  readonly url: string;
  readonly expectedFingerprint?: string;
  readonly domains?: readonly string[];
}

/**
 * Our operator adds a cloud by its URL: we ask it for trust. If it has asked us already, this is our answer too.
 * @throws ValidationFailed, StateConflict if there is a relationship with it that has not ended.
 */
@Injectable()
export class AddService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly approveDomains: ApproveDomains,
    private readonly ownRequest: OwnRequest,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(service: NewService): Promise<RelationshipRow> {
    checkSwitch(this.cloud, 'federation');
    const origin = Origin.tryParse(service.url);
    if (!origin || origin.equals(this.cloud.origin) || origin.equals(this.cloud.endpoint)) {
      throw ValidationFailed.of('url', 'INVALID');
    }
    if (this.cloud.requireFingerprint && !service.expectedFingerprint) {
      throw ValidationFailed.of('expectedFingerprint', 'REQUIRED');
    }
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      if (await this.relationships.lockLive(origin)) throw new StateConflict('this cloud has a relationship already');
      await this.approveDomains.checkHost(origin);
      const relationship = await this.ask(origin, service.expectedFingerprint ?? null);
      if (service.domains) await this.approveDomains.execute(relationship.id, service.domains);
      await this.answerWhoAsked(origin, relationship);
      return relationship;
    });
  }

  private async ask(origin: Origin, expectedFingerprint: string | null): Promise<RelationshipRow> {
    const code = Secret.random();
    const relationship = await this.life.request(origin, code, expectedFingerprint);
    await this.ownRequest.send(relationship.id, code);
    return relationship;
  }

  /** Anybody may have claimed to be this origin; only the origin itself can answer our confirmation with that key. */
  private async answerWhoAsked(origin: Origin, relationship: RelationshipRow): Promise<void> {
    for (const request of await this.requests.lockPending(origin)) {
      const isExpected = !relationship.expectedFingerprint || relationship.expectedFingerprint === request.pin;
      if (isExpected && !(await this.answerRequest.isPinTaken(request.pin)))
        await this.answerRequest.confirm(request, relationship);
    }
  }
}
