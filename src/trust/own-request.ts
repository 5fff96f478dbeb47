import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import type { Secret } from '../kernel/secret.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import type { RelationshipRow } from './relationship.entity.js';
import { relationshipCode } from './relationship-life.js';

/** Our own request for trust, from the operator's click until it is answered or taken back. */
@Injectable()
export class OwnRequest {
  constructor(
    private readonly outbox: Outbox,
    private readonly cloud: OwnCloud,
  ) {}

  async send(relationshipId: string, code: Secret): Promise<void> {
    await this.enqueue('trust-request', relationshipId, code);
  }

  /** The code of a request that is not over; read it before the relationship ends or becomes trusted. */
  codeOf({ id, codeSealed }: RelationshipRow): Secret | undefined {
    return codeSealed === null ? undefined : this.cloud.sealKey.open(codeSealed, relationshipCode(id));
  }

  /** What waits for an operator there, and is no longer wanted or needed, is taken away. */
  async takeBack(relationshipId: string, code: Secret | undefined): Promise<void> {
    if (code) await this.enqueue('trust-cancellation', relationshipId, code);
  }

  private async enqueue(kind: string, peer: string, secret: Secret): Promise<void> {
    const horizon = HORIZON.request;
    await this.outbox.enqueue({ kind, peer, orderingKey: `trust:${peer}`, meaning: {}, secret, horizon });
  }
}
