import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { parseDomainName } from '../kernel/domain-name.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { PeerClient } from '../transport/peer-client.js';
import type { ConfirmationMeaning } from './answer-request.js';
import { PeerEndpoints } from './peer-endpoints.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { introduceOurselves } from './self-introduction.js';
import { TrustRequests } from './trust-requests.js';

/** What the cloud that asked answered to our confirmation. */
interface Confirmed {
  readonly fingerprint: string;
  readonly reference: string;
  readonly displayName: string;
  readonly domains: readonly string[];
}

/** Answers a request for trust at the endpoint that it claimed. Only the real origin can know the code we quote. */
@Injectable()
@Delivers('trust-confirmation')
export class DeliverConfirmation extends DeliveryHandler<ConfirmationMeaning> {
  constructor(
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly endpoints: PeerEndpoints,
    private readonly life: RelationshipLife,
    private readonly client: PeerClient,
    private readonly outbox: Outbox,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async attempt({ id, meaning, secret }: Delivery<ConfirmationMeaning>): Promise<Attempt> {
    const request = await this.requests.find(meaning.request);
    if (!request || !secret) return { kind: 'pointless', reason: 'the request is gone' };
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
    const confirmed = settlement.kind === 'delivered' ? readConfirmed(settlement.answer?.body) : undefined;
    if (meaning.decision === 'rejected') {
      if (confirmed && meaning.mayHaveArrived) await this.sayItEnded(peer, confirmed.reference, 'CANCELLED');
      return;
    }
    const request = await this.requests.find(meaning.request);
    // A newer code of the same cloud has a confirmation of its own.
    if (!request || request.codeHash !== meaning.codeHash) return;
    if (confirmed) await this.conclude(relationship, request, confirmed);
    else await this.giveUp(relationship, request, settlement);
  }

  /** Trust, if the cloud that answered is the one whose certificate made the request. */
  private async conclude(relationship: RelationshipRow, request: TrustRequestRow, confirmed: Confirmed): Promise<void> {
    await this.requests.update(request, { state: 'ended', outcome: 'accepted' });
    const peerReference = confirmed.reference;
    if (confirmed.fingerprint !== request.pin) {
      if (relationship.state === 'CONFIRMING' || relationship.state === 'REQUESTED') {
        await this.life.end(relationship, 'REJECTED', 'FINGERPRINT_MISMATCH');
      }
      return this.sayItEnded(relationship.id, peerReference, 'FINGERPRINT_MISMATCH');
    }
    if (relationship.state === 'CONFIRMING' || relationship.state === 'REQUESTED') {
      const { pin, certificate, endpoint } = request;
      const { displayName, domains } = confirmed;
      await this.life.trust(relationship, { pin, certificate, endpoint, displayName, domains }, { peerReference });
    } else if (relationship.pin === request.pin) {
      await this.life.update(relationship, { peerReference });
    }
  }

  /** A 401 ends their request: whoever made it was not that cloud, or has changed its mind. Never our own request. */
  private async giveUp(relationship: RelationshipRow, request: TrustRequestRow, settlement: Settlement): Promise<void> {
    const reason = settlement.kind === 'refused' ? 'CONFIRMATION_REFUSED' : 'NOT_REACHED';
    await this.requests.update(request, { state: 'ended', outcome: reason });
    if (relationship.state === 'CONFIRMING') await this.life.end(relationship, 'REJECTED', reason);
  }

  private async sayItEnded(peer: string, reference: string, reason: string): Promise<void> {
    await this.outbox.enqueue({
      kind: 'trust-revocation',
      peer,
      orderingKey: `trust:${peer}`,
      meaning: { reference, reason },
      horizon: HORIZON.withdrawal,
    });
  }
}

function readConfirmed(body: unknown): Confirmed | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { fingerprint, relationship, displayName, domains } = body as Record<string, unknown>;
  if (typeof fingerprint !== 'string' || typeof relationship !== 'string' || relationship.length > 255)
    return undefined;
  const names = Array.isArray(domains) ? domains.slice(0, 100) : [];
  return {
    fingerprint,
    reference: relationship,
    displayName: typeof displayName === 'string' && isPrintable(displayName) ? displayName : '',
    domains: names.flatMap((name) => (typeof name === 'string' ? (parseDomainName(name) ?? []) : [])),
  };
}

function isPrintable(text: string): boolean {
  return Buffer.byteLength(text) <= 255 && text.isWellFormed() && !/\p{C}/u.test(text);
}
