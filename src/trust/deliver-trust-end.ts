import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { CallByOrigin } from './call-by-origin.js';
import { PeerEndpoints } from './peer-endpoints.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';

interface EndMeaning {
  /** What the other side calls the relationship. */
  readonly reference: string;
  readonly reason?: string;
  /** Id of the request whose endpoint is to hear it, where trust has not arisen here. */
  readonly request?: string;
}

/** Tells a peer that trust has ended here. A 401 says that it has ended there as well. */
@Injectable()
@Delivers('trust-revocation')
export class DeliverTrustEnd extends DeliveryHandler<EndMeaning> {
  constructor(
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
  ) {
    super();
  }

  override async attempt({ peer, meaning }: Delivery<EndMeaning>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    if (!row) return { kind: 'pointless', reason: 'the relationship is gone' };
    const { reference, reason } = meaning;
    const request = meaning.request === undefined ? null : await this.requests.find(meaning.request);
    return attemptCall(
      this.client,
      request ? this.endpoints.ofRequest(request) : await this.endpoints.of(row),
      { method: 'DELETE', path: '/federation/trust', body: { relationship: reference, reason } },
      { alsoFinal: [401] },
    );
  }

  /** Ended here since the commit; whatever the peer says changes nothing. */
  override async settled(): Promise<void> {
    return;
  }
}

/** Takes back a request for trust that the peer has not answered. */
@Injectable()
@Delivers('trust-cancellation')
export class DeliverCancellation extends DeliveryHandler<object> {
  constructor(
    private readonly relationships: Relationships,
    private readonly callByOrigin: CallByOrigin,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async attempt({ peer, secret }: Delivery<object>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    if (!row || !secret) return { kind: 'pointless', reason: 'the request is gone' };
    return this.callByOrigin.attempt(row, {
      method: 'POST',
      path: '/federation/trust-cancellations',
      body: { origin: this.cloud.origin.toString(), code: secret.reveal() },
    });
  }

  override async settled(): Promise<void> {
    return;
  }
}
