import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { AnswerRequest } from './answer-request.js';
import { CallByOrigin } from './call-by-origin.js';
import { Relationships } from './relationships.js';
import { introduceOurselves } from './self-introduction.js';
import { TrustRequests } from './trust-requests.js';

/** Asks the cloud that our operator added for trust. */
@Injectable()
@Delivers('trust-request')
export class DeliverTrustRequest extends DeliveryHandler<object> {
  constructor(
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly callByOrigin: CallByOrigin,
    private readonly answerRequest: AnswerRequest,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async attempt({ id, peer, secret }: Delivery<object>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    if (row?.state !== 'REQUESTED' || !secret) return { kind: 'pointless', reason: 'the request is over' };
    return this.callByOrigin.attempt(row, {
      method: 'POST',
      path: '/federation/trust-requests',
      headers: { 'idempotency-key': id },
      body: introduceOurselves(this.cloud, secret),
    });
  }

  override async settled({ peer }: Delivery<object>, settlement: Settlement): Promise<void> {
    if (settlement.kind !== 'refused' && settlement.kind !== 'expired') return;
    await this.requests.holdAll();
    const row = await this.relationships.lock(peer);
    if (row.state !== 'REQUESTED') return;
    const reason = settlement.kind === 'refused' ? settlement.code : 'NOT_REACHED';
    await this.answerRequest.abandon(row, 'REJECTED', reason, []);
  }
}
