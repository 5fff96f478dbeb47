import { Injectable } from '@nestjs/common';
import { StateConflict } from '../kernel/federation-error.js';
import type { Origin } from '../kernel/origin.js';
import { AnswerRequest } from './answer-request.js';
import { OwnIdentity } from './own-identity.js';
import type { PresentedCertificate } from './presented-certificate.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { TrustRequests } from './trust-requests.js';

/**
 * Our operator vouches for a cloud that knows no handshake: its key is pinned, and trust arises at once, on our side alone.
 * Whoever has asked for trust as that origin is told no: the operator has just said which key the origin has, and on which way.
 * Callers hold all handshakes, and know that there is no live relationship with the origin.
 * @throws StateConflict if the key is ours, or another peer's.
 */
@Injectable()
export class TrustByHand {
  constructor(
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly identity: OwnIdentity,
  ) {}

  async execute(
    origin: Origin,
    certificate: PresentedCertificate,
    expectedFingerprint: string | null,
  ): Promise<RelationshipRow> {
    const { pin } = certificate;
    if (pin === this.identity.current().pin) throw new StateConflict('its key is ours');
    if (await this.answerRequest.isPinTaken(pin)) throw new StateConflict('its key is another peer’s');
    for (const request of await this.requests.lockPending(origin)) await this.answerRequest.reject(request);
    return this.life.trustByHand(origin, certificate, expectedFingerprint);
  }
}
