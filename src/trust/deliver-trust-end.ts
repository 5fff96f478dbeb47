import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from './peer-endpoints.js';
import { Relationships } from './relationships.js';

interface EndMeaning {
  /** What the other side calls the relationship. */
  readonly reference: string;
  readonly reason?: string;
}

/** Tells a peer that trust has ended here. A 401 says that it has ended there as well. */
@Injectable()
@Delivers('trust-revocation')
export class DeliverTrustEnd extends DeliveryHandler<EndMeaning> {
  constructor(
    private readonly relationships: Relationships,
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
  ) {
    super();
  }

  override async attempt({ peer, meaning }: Delivery<EndMeaning>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    if (!row) return { kind: 'pointless', reason: 'the relationship is gone' };
    const { reference, reason } = meaning;
    return attemptCall(
      this.client,
      this.endpoints.of(row),
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
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async attempt({ peer, secret }: Delivery<object>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    if (!row || !secret) return { kind: 'pointless', reason: 'the request is gone' };
    return attemptCall(this.client, this.endpoints.of(row), {
      method: 'POST',
      path: '/federation/trust-cancellations',
      body: { origin: this.cloud.origin.toString(), code: secret.reveal() },
    });
  }

  override async settled(): Promise<void> {
    return;
  }
}
