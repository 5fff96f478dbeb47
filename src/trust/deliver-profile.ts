import { Injectable } from '@nestjs/common';
import { type Attempt, Delivers, type Delivery, DeliveryHandler } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from './peer-endpoints.js';
import { Relationships } from './relationships.js';
import type { OwnProfile } from './tell-profile.js';

/** Tells a peer what we are called and speak for now. Its operator decides what to make of it. */
@Injectable()
@Delivers('trust-profile')
export class DeliverProfile extends DeliveryHandler<OwnProfile> {
  constructor(
    private readonly relationships: Relationships,
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
  ) {
    super();
  }

  override async attempt({ peer, meaning }: Delivery<OwnProfile>): Promise<Attempt> {
    if (!(await this.relationships.isLive(peer))) return { kind: 'pointless', reason: 'trust has ended' };
    const endpoint = await this.endpoints.ofTrusted(peer);
    if (!endpoint) return { kind: 'retry', reason: 'not-trusted' };
    return attemptCall(this.client, endpoint, { method: 'PUT', path: '/federation/trust/profile', body: meaning });
  }

  /** Nothing here rests on what the peer makes of it. */
  override async settled(): Promise<void> {
    return;
  }
}
