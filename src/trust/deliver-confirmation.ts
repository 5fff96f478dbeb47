import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { PeerClient } from '../transport/peer-client.js';
import { AnswerRequest, type ConfirmationMeaning } from './answer-request.js';
import { type Confirmed, readConfirmed } from './confirmed.js';
import { OwnRequest } from './own-request.js';
import { PeerDocuments } from './peer-documents.js';
import { PeerEndpoints } from './peer-endpoints.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { introduceOurselves } from './self-introduction.js';
import { TrustRequests } from './trust-requests.js';

/** Answers a request for trust at the endpoint that it claimed. Only the real origin can know the code we quote. */
@Injectable()
@Delivers('trust-confirmation')
export class DeliverConfirmation extends DeliveryHandler<ConfirmationMeaning> {
  constructor(
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly endpoints: PeerEndpoints,
    private readonly documents: PeerDocuments,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly ownRequest: OwnRequest,
    private readonly client: PeerClient,
    private readonly outbox: Outbox,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async attempt({ id, meaning, secret }: Delivery<ConfirmationMeaning>): Promise<Attempt> {
    const request = await this.requests.find(meaning.request);
    if (!request || !secret) return { kind: 'pointless', reason: 'the request is gone' };
    const doubt = await this.documents.doubtAbout(request);
    if (doubt) return doubt;
    const attempt = await attemptCall(
      this.client,
      this.endpoints.ofRequest(request),
      {
        method: 'POST',
        path: '/federation/trust-confirmations',
        headers: { 'idempotency-key': id },
        body: { decision: meaning.decision, ...introduceOurselves(this.cloud, secret) },
      },
      { alsoFinal: [401] },
    );
    const isGarbled = attempt.kind === 'delivered' && !readConfirmed(attempt.answer?.body);
    return isGarbled ? { kind: 'retry', reason: 'bad-answer' } : attempt;
  }

  override async settled({ peer, meaning }: Delivery<ConfirmationMeaning>, settlement: Settlement): Promise<void> {
    await this.requests.holdAll();
    const relationship = await this.relationships.lock(peer);
    const request = await this.requests.find(meaning.request);
    const confirmed = settlement.kind === 'delivered' ? readConfirmed(settlement.answer?.body) : undefined;
    if (!request) return;
    if (meaning.decision === 'rejected') {
      if (confirmed && meaning.mayHaveArrived) await this.sayItEnded(request, peer, confirmed, 'CANCELLED');
      return;
    }
    // A newer code of the same cloud has a confirmation of its own.
    if (request.codeHash !== meaning.codeHash) return;
    if (confirmed) await this.conclude(relationship, request, confirmed);
    else await this.giveUp(relationship, request, settlement);
  }

  /** Trust, if the cloud that answered is the one whose certificate made the request. */
  private async conclude(relationship: RelationshipRow, request: TrustRequestRow, confirmed: Confirmed): Promise<void> {
    await this.requests.update(request, { state: 'ended', outcome: 'accepted' });
    const peerReference = confirmed.reference;
    const isOpen = relationship.state === 'CONFIRMING' || relationship.state === 'REQUESTED';
    if (!isOpen) {
      if (relationship.pin === request.pin) await this.life.update(relationship, { peerReference });
      return;
    }
    const isOther = confirmed.fingerprint !== request.pin;
    if (isOther || (await this.answerRequest.isPinTaken(request.pin, relationship.id))) {
      const reason = isOther ? 'FINGERPRINT_MISMATCH' : 'FINGERPRINT_IN_USE';
      await this.answerRequest.abandon(relationship, 'REJECTED', reason, ['trust-request']);
      return this.sayItEnded(request, relationship.id, confirmed, reason);
    }
    const code = this.ownRequest.codeOf(relationship);
    const { pin, certificate, endpoint } = request;
    const { displayName, domains } = confirmed;
    await this.life.trust(relationship, { pin, certificate, endpoint, displayName, domains }, { peerReference });
    // Our own request may arrive there, or have arrived, with nothing left to decide.
    await this.ownRequest.takeBack(relationship.id, code);
  }

  /**
   * A 401 ends their request: whoever made it was not that cloud, or has changed its mind. Never our own request. Anything
   * else may follow on a confirmation that has arrived: it is taken back, lest the other side trust us alone.
   */
  private async giveUp(relationship: RelationshipRow, request: TrustRequestRow, settlement: Settlement): Promise<void> {
    const outcome = settlement.kind === 'refused' ? 'CONFIRMATION_REFUSED' : 'NOT_REACHED';
    // Refused without an answer: by ourselves, before we called.
    const reason = settlement.kind === 'refused' && !settlement.answer ? settlement.code : outcome;
    const isOpen = relationship.state === 'CONFIRMING' || relationship.state === 'REQUESTED';
    await this.requests.update(request, { state: 'ended', outcome });
    if (relationship.state === 'CONFIRMING') await this.life.end(relationship, 'REJECTED', reason, ['trust-request']);
    const isDenied = settlement.kind === 'refused' && (settlement.answer?.status ?? 401) === 401;
    if (isOpen && !isDenied) await this.answerRequest.retract(request, relationship.id);
  }

  private async sayItEnded(request: TrustRequestRow, peer: string, { reference }: Confirmed, reason: string) {
    await this.outbox.enqueue({
      kind: 'trust-revocation',
      peer,
      orderingKey: `trust:${peer}`,
      meaning: { reference, reason, request: request.id },
      horizon: HORIZON.withdrawal,
    });
  }
}
