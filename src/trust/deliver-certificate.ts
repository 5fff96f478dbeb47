import { Injectable } from '@nestjs/common';
import type { FindOneOptions } from 'typeorm';
import { Alerts } from '../audit/alerts.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler, type Settlement } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { Transactions } from '../persistence/transactions.js';
import { PeerClient } from '../transport/peer-client.js';
import type { PeerEndpoint } from '../transport/peer-endpoint.js';
import { OwnIdentity } from './own-identity.js';
import { OWN_KEY_MISSED, OwnRotationRow } from './own-rotation.entity.js';
import { PeerEndpoints } from './peer-endpoints.js';
import { Relationships } from './relationships.js';
import { RotationPeers, TELL_CERTIFICATE } from './rotation-peers.js';

interface CertificateMeaning {
  /** Id of the rotation. */
  readonly rotation: string;
}

/**
 * Tells a peer what our keys are, as things stand at each attempt. While a rotation runs: the next key. Cancelled: that the
 * present one stays. Switched without the peer's knowledge: nothing that it would hear; it is asked whether it knows us yet.
 */
@Injectable()
@Delivers(TELL_CERTIFICATE)
export class DeliverCertificate extends DeliveryHandler<CertificateMeaning> {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly endpoints: PeerEndpoints,
    private readonly identity: OwnIdentity,
    private readonly peers: RotationPeers,
    private readonly client: PeerClient,
    private readonly alerts: Alerts,
  ) {
    super();
  }

  override async attempt({ peer, meaning }: Delivery<CertificateMeaning>): Promise<Attempt> {
    const row = await this.relationships.find(peer);
    const rotation = await this.find(meaning);
    const isOver = row?.state !== 'TRUSTED' && row?.state !== 'SUSPENDED';
    if (!row || !rotation || isOver) return { kind: 'pointless', reason: 'there is nobody to tell' };
    const endpoint = await this.endpoints.of(row);
    const switchBy = rotation.switchBy.toISOString();
    switch (rotation.outcome) {
      case null:
        return this.announce(endpoint, { certificate: rotation.certificate, switchBy });
      case 'cancelled':
        return this.announce(endpoint, { certificate: this.identity.current().certificate, switchBy });
      case 'switched':
        return this.askWhetherKnown(endpoint, rotation);
    }
  }

  override async settled({ peer, meaning }: Delivery<CertificateMeaning>, settlement: Settlement): Promise<void> {
    // Whoever switches meanwhile counts this peer as told, or has raised the alert before.
    const rotation = await this.find(meaning, { lock: { mode: 'pessimistic_read' } });
    if (!rotation || rotation.outcome === 'cancelled') return;
    if (settlement.kind === 'delivered') {
      await this.peers.markTold(rotation.id, peer);
      await this.alerts.settle(OWN_KEY_MISSED, `service:${peer}`);
    } else {
      const reason = settlement.kind === 'refused' ? settlement.code : settlement.reason;
      await this.peers.markRefused(rotation.id, peer, reason);
    }
  }

  private announce(endpoint: PeerEndpoint, body: object): Promise<Attempt> {
    return attemptCall(this.client, endpoint, { method: 'PUT', path: '/federation/trust/certificate', body });
  }

  /** A node that has not noticed the switch yet would be known by the old key. */
  private async askWhetherKnown(endpoint: PeerEndpoint, { pin }: OwnRotationRow): Promise<Attempt> {
    const attempt = await attemptCall(this.client, endpoint, { method: 'POST', path: '/federation/ping' });
    if (attempt.kind !== 'delivered') return attempt;
    const { fingerprintSeen } = (attempt.answer?.body ?? {}) as { readonly fingerprintSeen?: unknown };
    return fingerprintSeen === pin ? attempt : { kind: 'retry', reason: 'old-key-seen' };
  }

  private find({ rotation }: CertificateMeaning, options: FindOneOptions<OwnRotationRow> = {}) {
    return this.transactions.repository(OwnRotationRow).findOne({ where: { id: rotation }, ...options });
  }
}
