import { Injectable } from '@nestjs/common';
import { Origin } from '../kernel/origin.js';
import type { Attempt } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import type { PeerRequest } from '../transport/peer-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerDocuments } from './peer-documents.js';
import { PeerEndpoints } from './peer-endpoints.js';
import type { RelationshipRow } from './relationship.entity.js';

/**
 * Calls a cloud of which we may know no more than the URL our operator typed. Where peers have a listener of their own, the
 * public one never sees our certificate and answers 401: then the origin's own document says where to call.
 */
@Injectable()
export class CallByOrigin {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly documents: PeerDocuments,
    private readonly client: PeerClient,
  ) {}

  async attempt(row: RelationshipRow, call: PeerRequest): Promise<Attempt> {
    const attempt = await attemptCall(this.client, await this.endpoints.of(row), call);
    if (row.endpoint !== row.origin || attempt.kind !== 'retry' || attempt.reason !== 'refused-401') return attempt;
    const reading = await this.documents.read(row.id, row.origin);
    if (reading.kind !== 'read' || reading.endpoint.equals(Origin.parse(row.origin))) return attempt;
    if (row.expectedFingerprint && row.expectedFingerprint !== reading.fingerprint) {
      return { kind: 'refused', code: 'FINGERPRINT_MISMATCH' };
    }
    return attemptCall(this.client, this.endpoints.pinned(row.id, reading.endpoint, reading.fingerprint), call);
  }
}
