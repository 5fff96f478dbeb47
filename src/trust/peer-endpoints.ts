import { Injectable } from '@nestjs/common';
import { Origin } from '../kernel/origin.js';
import type { PeerEndpoint } from '../transport/peer-endpoint.js';
import { OwnIdentity } from './own-identity.js';
import { PeerKeys } from './peer-keys.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';

/** Where and how a peer is called: our certificate shown, theirs judged as its endpoint says. */
@Injectable()
export class PeerEndpoints {
  constructor(
    private readonly identity: OwnIdentity,
    private readonly relationships: Relationships,
    private readonly peerKeys: PeerKeys,
  ) {}

  /** For capabilities: only while it is trusted. */
  async ofTrusted(relationshipId: string): Promise<PeerEndpoint | undefined> {
    const row = await this.relationships.find(relationshipId);
    return row?.state === 'TRUSTED' ? this.of(row) : undefined;
  }

  /** For the handshake and the notice of its end: whatever the state. While its key changes the peer may show either. */
  async of(row: RelationshipRow): Promise<PeerEndpoint> {
    const known = row.pin === null ? [] : [row.pin];
    const valid = row.origin === row.endpoint ? [] : await this.peerKeys.validPins(row.id);
    return this.endpoint(row.id, row.origin, row.endpoint, valid.length > 0 ? valid : known);
  }

  /** A cloud's public origin, judged as a browser would. */
  ofOrigin(peer: string, origin: string): PeerEndpoint {
    return this.endpoint(peer, origin, origin, []);
  }

  /** Of a cloud that asks for trust. A listener of its own for peers must show the key that made the request. */
  ofRequest(request: TrustRequestRow): PeerEndpoint {
    return this.endpoint(request.id, request.origin, request.endpoint, [request.pin]);
  }

  /** As a cloud's own document names it. */
  pinned(peer: string, base: Origin, pin: string): PeerEndpoint {
    return { peer, base, proof: { kind: 'pinned', pins: [pin] }, credential: this.identity.current() };
  }

  private endpoint(peer: string, origin: string, endpoint: string, pins: readonly string[]): PeerEndpoint {
    const hasFederationListener = origin !== endpoint;
    const proof =
      hasFederationListener && pins.length > 0 ? ({ kind: 'pinned', pins } as const) : ({ kind: 'web' } as const);
    return { peer, base: Origin.parse(endpoint), proof, credential: this.identity.current() };
  }
}
