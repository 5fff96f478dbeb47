import { Injectable } from '@nestjs/common';
import { Origin } from '../kernel/origin.js';
import type { PeerEndpoint } from '../transport/peer-endpoint.js';
import { OwnIdentity } from './own-identity.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';

/** Where and how a peer is called: our certificate shown, theirs judged as its endpoint says. */
@Injectable()
export class PeerEndpoints {
  constructor(
    private readonly identity: OwnIdentity,
    private readonly relationships: Relationships,
  ) {}

  /** For capabilities: only while it is trusted. */
  async ofTrusted(relationshipId: string): Promise<PeerEndpoint | undefined> {
    const row = await this.relationships.find(relationshipId);
    return row?.state === 'TRUSTED' ? this.of(row) : undefined;
  }

  /** For the handshake and the notice of its end: whatever the state. */
  of(row: RelationshipRow): PeerEndpoint {
    return this.endpoint(row.id, row.origin, row.endpoint, row.pin);
  }

  /** A cloud's public origin, judged as a browser would. */
  ofOrigin(peer: string, origin: string): PeerEndpoint {
    return this.endpoint(peer, origin, origin, null);
  }

  /** Of a cloud that asks for trust. A listener of its own for peers must show the key that made the request. */
  ofRequest(request: TrustRequestRow): PeerEndpoint {
    return this.endpoint(request.id, request.origin, request.endpoint, request.pin);
  }

  /** As a cloud's own document names it. */
  pinned(peer: string, base: Origin, pin: string): PeerEndpoint {
    return { peer, base, proof: { kind: 'pinned', pins: [pin] }, credential: this.identity.current() };
  }

  private endpoint(peer: string, origin: string, endpoint: string, pin: string | null): PeerEndpoint {
    const hasFederationListener = origin !== endpoint;
    const proof =
      hasFederationListener && pin !== null ? ({ kind: 'pinned', pins: [pin] } as const) : ({ kind: 'web' } as const);
    return { peer, base: Origin.parse(endpoint), proof, credential: this.identity.current() };
  }
}
