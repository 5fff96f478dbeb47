import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { ValidationFailed } from '../kernel/federation-error.js';
import { HORIZON, Outbox } from '../outbox/outbox.js';
import { PeerKeys } from './peer-keys.js';
import type { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { type EndState, RelationshipLife, requestCode } from './relationship-life.js';
import { TrustRequests } from './trust-requests.js';

/** What every answer to a request for trust has in common: our confirmation, quoting their code, at the claimed endpoint. */
@Injectable()
export class AnswerRequest {
  constructor(
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly outbox: Outbox,
    private readonly cloud: OwnCloud,
    private readonly peerKeys: PeerKeys,
    private readonly audit: AuditTrail,
  ) {}

  /** Sends our confirmation; the relationship becomes TRUSTED when the claimed origin itself has answered it. */
  async confirm(request: TrustRequestRow, relationship: RelationshipRow): Promise<void> {
    // A newer code takes the place of one that we have not managed to quote.
    await this.outbox.cancel({ peer: relationship.id, orderingKey: orderingKey(request) });
    await this.requests.update(request, { state: 'confirming', relationshipId: relationship.id });
    await this.send(request, relationship.id, 'accepted');
    // Otherwise the relationship was made by this answer, and its own row in the trail says so.
    if (relationship.state === 'REQUESTED') await this.recordCrossing(request, relationship);
  }

  async reject(request: TrustRequestRow): Promise<RelationshipRow> {
    const relationship = await this.life.answer(request, 'REJECTED');
    await this.requests.update(request, { state: 'ended', outcome: 'rejected', relationshipId: relationship.id });
    await this.send(request, relationship.id, 'rejected');
    return relationship;
  }

  /**
   * Ends a relationship whose confirmations may have arrived although their answers were lost: each is taken back.
   * @param cancelled see `RelationshipLife.end`
   */
  async abandon(row: RelationshipRow, state: EndState, reason: string, cancelled?: readonly string[]): Promise<void> {
    const confirming = await this.requests.lockConfirming(row.id);
    await this.life.end(row, state, reason, cancelled);
    for (const request of confirming) {
      await this.outbox.cancel({ peer: row.id, orderingKey: orderingKey(request) });
      await this.requests.update(request, { state: 'ended', outcome: 'retracted' });
      await this.retract(request, row.id);
    }
  }

  /** Takes a confirmation back that may have arrived: says rejected, and if that comes too late, ends what arose. */
  retract(request: TrustRequestRow, relationshipId: string): Promise<void> {
    return this.send(request, relationshipId, 'rejected', true);
  }

  /** Whether the key of a request is a key of another relationship. */
  isPinTaken(pin: string, except?: string): Promise<boolean> {
    return this.peerKeys.isTaken(pin, except);
  }

  private recordCrossing(request: TrustRequestRow, { id, origin }: RelationshipRow): Promise<void> {
    const details = { fingerprint: request.pin, origin };
    return this.audit.record({ action: 'trust.accepted', object: `service:${id}`, peer: id, details });
  }

  private async send(
    request: TrustRequestRow,
    relationshipId: string,
    decision: ConfirmationMeaning['decision'],
    mayHaveArrived = false,
  ): Promise<void> {
    const meaning: ConfirmationMeaning = { request: request.id, decision, codeHash: request.codeHash, mayHaveArrived };
    await this.outbox.enqueue({
      kind: 'trust-confirmation',
      peer: relationshipId,
      orderingKey: orderingKey(request),
      meaning,
      secret: this.cloud.sealKey.open(request.codeSealed, requestCode(request.id)),
      horizon: mayHaveArrived ? HORIZON.withdrawal : HORIZON.ordinary,
    });
  }
}

function orderingKey({ id }: TrustRequestRow): string {
  return `trust:${id}`;
}

/** What a confirmation says, frozen when the operator answered. */
export interface ConfirmationMeaning {
  /** Id of the request that is answered. */
  readonly request: string;
  readonly decision: 'accepted' | 'rejected';
  /** Of the code that is quoted: a later request of the same cloud brings another. */
  readonly codeHash: string;
  /** Whether an acceptance was on its way before this. */
  readonly mayHaveArrived: boolean;
}

/** @throws ValidationFailed if the operator typed a fingerprint and it is another, or had to type one and did not. */
export function checkFingerprint(typed: string | null | undefined, seen: string, cloud: OwnCloud): void {
  if (typed) {
    if (typed !== seen) throw ValidationFailed.of('fingerprint', 'MISMATCH');
  } else if (cloud.requireFingerprint) throw ValidationFailed.of('fingerprint', 'REQUIRED');
}
